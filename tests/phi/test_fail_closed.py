"""When the redaction itself fails, what it could not redact does not leave, and is counted, for every signal."""

from __future__ import annotations

import pytest

from otel_clinical.sdk import configure
from otel_clinical.semconv import SCOPE_NAME, metrics
from tests._receivers import sinks
from tests.phi._marker import hits, marker
from tests.phi._pipes import http_exporters

FAULTS = {
    "traces": "otel_clinical.sdk._origin.safe_text",
    "logs": "otel_clinical.sdk._logs.redact_scope",
    "metrics": "otel_clinical.sdk._metrics.redact_scope",
}


@pytest.fixture
def handle(http_receiver):
    made = configure("coding", exporters=http_exporters(http_receiver), set_global=False)
    yield made
    made.shutdown()


def write(handle, signal):
    scope = marker("scope")
    if signal == "traces":
        handle.tracer_provider.get_tracer(scope).start_span(marker("name")).end()
        handle.tracer_provider.force_flush()
    elif signal == "logs":
        handle.logger_provider.get_logger(scope).emit(body=marker("body"))
        handle.logger_provider.force_flush()
    else:
        handle.meter_provider.get_meter(scope).create_counter("http.client.duration").add(1, {"p": marker("label")})
        handle.meter_provider.force_flush()


@pytest.mark.parametrize("signal", FAULTS)
def test_a_fault_of_the_redaction_drops_the_record_and_is_counted(handle, http_receiver, monkeypatch, caplog, signal):
    def fail(*_):
        raise RuntimeError(marker("fault"))

    counted = []
    monkeypatch.setattr(handle.telemetry, "failed", lambda *fault: counted.append(fault))
    with monkeypatch.context() as broken:
        broken.setattr(FAULTS[signal], fail)
        write(handle, signal)
    assert [(component.value, type(error).__name__) for component, error in counted] == [("redactor", "RuntimeError")]
    assert hits(sinks(http_receiver) | {"log": caplog.text.encode()}) == {}


@pytest.mark.parametrize("signal", FAULTS)
def test_without_the_fault_the_same_record_arrives(handle, http_receiver, signal):
    """Negative control."""
    write(handle, signal)
    assert signal in {request.signal for request in http_receiver.requests}


def test_the_fault_is_counted_where_operators_look(http_receiver, monkeypatch):
    def fail(*_):
        raise RuntimeError(marker("fault"))

    with configure("coding", exporters=http_exporters(http_receiver), set_global=False) as handle:
        with monkeypatch.context() as broken:
            broken.setattr(FAULTS["traces"], fail)
            write(handle, "traces")
        handle.flush()
    sent = b"".join(request.body for request in http_receiver.requests if request.signal == "metrics")
    assert metrics.TELEMETRY_ERRORS.name.encode() in sent
    assert b"redactor" in sent


@pytest.mark.parametrize("signal", ["spans", "events", "metrics"])
def test_a_marker_that_comes_through_at_start_keeps_export_off_and_says_so(http_receiver, monkeypatch, caplog, signal):
    def leak(marker_, _):
        yield signal, f"kept-model {marker_}".encode()

    monkeypatch.setattr("otel_clinical.sdk._self_test._exports", leak)
    with configure("coding", exporters=http_exporters(http_receiver), set_global=False) as handle:
        assert handle.problem == f"the redaction of {signal} let a marker through"
        for one in FAULTS:
            write(handle, one)
        handle.tracer_provider.get_tracer(SCOPE_NAME).start_span("predict coding").end()
    assert http_receiver.requests == []
    assert f"the redaction of {signal} let a marker through: nothing is exported" in caplog.text
