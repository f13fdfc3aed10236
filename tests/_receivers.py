"""OTLP receivers on the loopback that keep every request as it came, over HTTP or gRPC, with what came before it."""

from __future__ import annotations

import gzip
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable

INSTANCE = "service.instance.id"
_SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}


@dataclass(frozen=True)
class Received:
    """One request: its signal, what came before the body, and the body as it was sent."""

    signal: str
    head: str
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    peer: str = ""
    at: float = field(default_factory=time.monotonic)
    """Monotonic: one clock for all processes."""

    @property
    def path(self) -> str:
        return f"/v1/{self.signal}"

    @property
    def compressed(self) -> bool:
        return self.body.startswith(b"\x1f\x8b")

    @property
    def message(self) -> bytes:
        return gzip.decompress(self.body) if self.compressed else self.body


class Receiver:
    """What both receivers can say about the requests they took."""

    def __init__(self):
        self.requests: list[Received] = []

    @property
    def bodies(self):
        """Return the bodies, as they were sent."""
        return [found.body for found in list(self.requests)]

    def accepted(self, path):
        """Return the bodies that were answered with 200."""
        return [found.body for found in list(self.requests) if found.path == path and found.status == 200]

    def spans(self):
        """Return every span received, as (instance, span, time)."""
        return [
            (instance_of(found), span, at)
            for found, at in self._resources("traces")
            for scope in found.scope_spans
            for span in scope.spans
        ]

    def events(self):
        """Return every log record received, as (instance, record, time)."""
        return [
            (instance_of(found), record, at)
            for found, at in self._resources("logs")
            for scope in found.scope_logs
            for record in scope.log_records
        ]

    def points(self, name):
        """Yield every point of a metric received, as (instance, point, time)."""
        for found, at in self._resources("metrics"):
            for metric in (metric for scope in found.scope_metrics for metric in scope.metrics):
                if metric.name == name:
                    for point in getattr(metric, metric.WhichOneof("data")).data_points:
                        yield instance_of(found), point, at

    def per_instance(self, name):
        """Return the last cumulative sum of a counter (or count of a histogram) for each instance."""
        last = {}
        for instance, point, _ in self.points(name):
            key = tuple(sorted((pair.key, pair.value.string_value) for pair in point.attributes))
            last[instance, key] = point.as_int or point.as_double if hasattr(point, "as_int") else point.count
        sums = Counter()
        for (instance, _), value in last.items():
            sums[instance] += value
        return dict(sums)

    def total(self, name):
        """Return the sum over all instances."""
        return sum(self.per_instance(name).values())

    def shared_connections(self):
        """Return the connections over which more than one instance sent."""
        users = defaultdict(set)
        for request in list(self.requests):
            users[request.peer].update(instance_of(found) for found in _resources(request))
        return {peer for peer, instances in users.items() if len(instances) > 1}

    def _resources(self, signal):
        return [
            (found, request.at)
            for request in list(self.requests)
            if request.signal == signal
            for found in _resources(request)
        ]


def _resources(request):
    if request.signal == "traces":
        return ExportTraceServiceRequest.FromString(request.message).resource_spans
    if request.signal == "logs":
        return ExportLogsServiceRequest.FromString(request.message).resource_logs
    return ExportMetricsServiceRequest.FromString(request.message).resource_metrics


def instance_of(found):
    """Return the instance that a resource names."""
    return next((pair.value.string_value for pair in found.resource.attributes if pair.key == INSTANCE), "")


class HttpReceiver(Receiver):
    """OTLP/HTTP; bodies stay compressed as they came. It answers with 200, or as `answers` and `answer` say."""

    def __init__(self):
        super().__init__()
        self.answers = []
        self.answer = lambda _path: 200
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.hold.wait(30)
                status = receiver.answers.pop(0) if receiver.answers else receiver.answer(self.path)
                head = f"{self.requestline}\n{self.headers}"
                signal = self.path.removeprefix("/v1/")
                peer = str(self.client_address)
                receiver.requests.append(Received(signal, head, body, status, dict(self.headers), peer))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status == 503:
                    self.send_header("Retry-After", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the requests are what a test looks at."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class GrpcReceiver(Receiver):
    """OTLP/gRPC; messages are kept as bytes, with the metadata of the call."""

    def __init__(self):
        super().__init__()
        self._server = grpc.server(ThreadPoolExecutor(4))
        for signal, service in _SERVICES.items():
            handler = grpc.unary_unary_rpc_method_handler(self._keep(signal))
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"Export": handler})])
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _keep(self, signal: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            metadata = context.invocation_metadata()
            self.requests.append(Received(signal, repr(metadata), body, peer=context.peer()))
            return b""

        return export

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        self._server.stop(None).wait(5)


def sinks(receiver: Receiver) -> dict[str, bytes]:
    """Return everything a receiver got, per signal."""
    found: dict[str, bytes] = {}
    for index, request in enumerate(receiver.requests):
        found[f"{request.signal} {index}"] = request.body
        found[f"head of {request.signal} {index}"] = request.head.encode()
    return found
