"""A request is sent in short steps, with a pause between them, and is otherwise the stock one."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
import trustme
from opentelemetry._logs import LogRecord

from otel_clinical.sdk import _http_session as sessions
from otel_clinical.sdk import configure
from otel_clinical.sdk._fork import fresh_connections
from otel_clinical.sdk._http_session import PausingSession, session_of
from otel_clinical.sdk._otlp import span_exporter
from otel_clinical.semconv import SCOPE_NAME, events, metrics

BODY = bytes(range(256)) * 40
PAUSES = 10
"""At the least: what is between two of them takes a quarter of a millisecond at most."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(params=["http", "https"])
def served(request, authority):
    """Return the address of a server, and the requests that it took."""
    took = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            took.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
            self.close_connection = True

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if request.param == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"{request.param}://127.0.0.1:{server.server_port}/v1/traces", took
        server.shutdown()
        thread.join(60)


@pytest.fixture
def pauses(monkeypatch):
    counted = []
    monkeypatch.setattr(sessions, "pause", lambda: counted.append(None))
    return counted


def post(session, address, authority):
    with session, authority.cert_pem.tempfile() as trusted:
        answer = session.post(address, BODY, headers={"Content-Type": "application/x-protobuf"}, verify=trusted)
        assert (answer.status_code, answer.text) == (200, "ok")


def test_a_request_pauses_at_every_step_and_is_the_stock_one(served, pauses, authority):
    address, took = served
    post(requests.Session(), address, authority)
    assert not pauses  # the control
    post(PausingSession(), address, authority)
    assert len(pauses) >= PAUSES
    stock, ours = took
    assert ours == stock


def test_a_forked_child_connects_anew_and_still_pauses(served, pauses, authority):
    exporter = span_exporter("http/protobuf", {"endpoint": served[0]})
    session = exporter._client._transport._session
    before = [session.get_adapter(scheme) for scheme in ("http://", "https://")]
    fresh_connections(exporter)
    assert all(session.get_adapter(one) is not old for one, old in zip(("http://", "https://"), before, strict=True))
    pauses.clear()
    post(session, served[0], authority)
    assert len(pauses) >= PAUSES


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_every_signal_is_sent_in_steps(signal, pauses, receiver):
    with configure("a", endpoint=receiver.url, set_global=False) as handle:
        if signal == "traces":
            handle.tracer_provider.get_tracer(SCOPE_NAME).start_span("a").end()
        elif signal == "metrics":
            handle.meter_provider.get_meter(SCOPE_NAME).create_counter(metrics.OUTCOMES.name).add(1)
        else:
            handle.logger_provider.get_logger(SCOPE_NAME).emit(LogRecord(event_name=events.OUTCOME))
        assert handle.flush(60)
    assert receiver.accepted(f"/v1/{signal}")
    assert len(pauses) >= PAUSES


def test_a_session_of_the_users_own_is_used_as_it_is(monkeypatch):
    assert isinstance(session_of("TRACES"), PausingSession)
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "mine")
    assert session_of("TRACES") is None
    assert isinstance(session_of("LOGS"), PausingSession)
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "mine")
    assert session_of("LOGS") is None
