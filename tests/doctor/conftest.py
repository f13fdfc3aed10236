"""Receivers to examine, on the loopback, and a command line to examine them with."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
import trustme
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from otel_clinical.cli import main
from otel_clinical.instrument import _receipt_keys

TOKEN = "a-token-of-this-test"  # noqa: S105 -- opens nothing


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Let no variable of this machine decide, and no proxy stand in between."""
    for name in list(os.environ):
        if name.startswith("OTEL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(_receipt_keys, "_current", None)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Return a certificate authority and the file that names it."""
    found = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    found.cert_pem.write_to_path(str(file))
    return found, file


@pytest.fixture
def serve(authority):
    """Return a function that starts an HTTP server and returns its URL."""
    servers = []

    def start(answer=lambda _path: 200, *, token=None, tls=False, ahead=0.0, body=b"", method="POST"):
        class Handler(BaseHTTPRequestHandler):
            def reply(self):
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                wrong = token is not None and self.headers.get("authorization") != f"Bearer {token}"
                self.send_response_only(401 if wrong else answer(self.path))
                self.send_header("Date", formatdate(time.time() + ahead, usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        setattr(Handler, f"do_{method}", Handler.reply)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority[0].issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def silent():
    """Return the URL of a port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed():
    """Return the URL of a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


class _Traces(TraceServiceServicer):
    def __init__(self, token):
        self.token = token

    def Export(self, request, context):  # noqa: ARG002, N802 -- gRPC's own signature
        found = dict(context.invocation_metadata()).get("authorization")
        if self.token is not None and found != f"Bearer {self.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "show a token")
        return ExportTraceServiceResponse()


class _Logs(LogsServiceServicer):
    def Export(self, request, context):  # noqa: ARG002, N802 -- gRPC's own signature
        return ExportLogsServiceResponse()


@pytest.fixture
def serve_grpc(authority):
    """Return a function that starts a gRPC receiver of traces and logs and returns its URL."""
    servers = []

    def start(*, token=None, tls=False):
        server = grpc.server(ThreadPoolExecutor(2))
        add_TraceServiceServicer_to_server(_Traces(token), server)
        add_LogsServiceServicer_to_server(_Logs(), server)
        if tls:
            certificate = authority[0].issue_cert("127.0.0.1")
            pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
            port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(0).wait(5)


@pytest.fixture
def doctor(capsys):
    """Return a function that runs the command and returns exit code, output and errors."""

    def run(*words):
        with pytest.raises(SystemExit) as exited:
            main(["doctor", *map(str, words)])
        captured = capsys.readouterr()
        return int(exited.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    return file
