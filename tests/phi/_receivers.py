"""OTLP receivers that keep every byte as it came: over HTTP with headers, over gRPC with metadata."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable

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

    @property
    def compressed(self) -> bool:
        return self.body.startswith(b"\x1f\x8b")


class HttpReceiver:
    """OTLP/HTTP on the loopback; bodies stay compressed as they came."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        found = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                found.append(Received(self.path.removeprefix("/v1/"), f"{self.requestline}\n{self.headers}", body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the requests are what a test looks at."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class GrpcReceiver:
    """OTLP/gRPC on the loopback; messages are kept as bytes, with the metadata of the call."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        for signal, service in _SERVICES.items():
            handler = grpc.unary_unary_rpc_method_handler(self._keep(signal))
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"Export": handler})])
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _keep(self, signal: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            self.requests.append(Received(signal, repr(context.invocation_metadata()), body))
            return b""

        return export

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def close(self) -> None:
        self._server.stop(None).wait(5)


def sinks(receiver: HttpReceiver | GrpcReceiver) -> dict[str, bytes]:
    """Return everything a receiver got, per signal."""
    found: dict[str, bytes] = {}
    for index, request in enumerate(receiver.requests):
        found[f"{request.signal} {index}"] = request.body
        found[f"head of {request.signal} {index}"] = request.head.encode()
    return found
