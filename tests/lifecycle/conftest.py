"""What the tests of processes share: a receiver that speaks OTLP, and programs run to their end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0
INSTANCE = "service.instance.id"


class Receiver:
    """Keep every OTLP/HTTP request, with the time at which it came (monotonic, one clock for all processes)."""

    def __init__(self):
        self.bodies = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append((self.path, body, time.monotonic()))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def spans(self):
        """Return every span received, as (instance, span, time)."""
        return [
            (instance_of(found), span, at)
            for path, body, at in list(self.bodies)
            if path == "/v1/traces"
            for found in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in found.scope_spans
            for span in scope.spans
        ]

    def events(self):
        """Return every log record received, as (instance, record, time)."""
        return [
            (instance_of(found), record, at)
            for path, body, at in list(self.bodies)
            if path == "/v1/logs"
            for found in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in found.scope_logs
            for record in scope.log_records
        ]

    def points(self, name):
        """Yield every point of a metric received, as (instance, point, time)."""
        for path, body, at in list(self.bodies):
            if path == "/v1/metrics":
                for found in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    for metric in (metric for scope in found.scope_metrics for metric in scope.metrics):
                        if metric.name == name:
                            data = getattr(metric, metric.WhichOneof("data"))
                            for point in data.data_points:
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


def instance_of(found):
    values = {pair.key: pair.value.string_value for pair in found.resource.attributes}
    return values.get(INSTANCE, "")


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def black_hole():
    """Return the port of a socket that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def refused():
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


@pytest.fixture
def run(tmp_path, plain_environment):
    """Return a function that runs a program to its end and returns the finished process."""

    def start(code, *arguments, status=0, **environment):
        program = tmp_path / "program.py"
        program.write_text(code)
        done = subprocess.run(
            [sys.executable, program, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * DEADLINE,
            env=plain_environment | environment,
        )
        assert done.returncode == status, done.stderr
        return done

    return start


@pytest.fixture
def plain_environment():
    """Return the environment without any setting of OpenTelemetry, and with this checkout importable."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return found | {"PYTHONPATH": str(ROOT), "no_proxy": "127.0.0.1"}


@pytest.fixture
def eventually():
    """Return a function that waits until a condition holds."""

    def wait(condition, seconds=DEADLINE):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "the condition never held"
            threading.Event().wait(0.02)
        return found

    return wait
