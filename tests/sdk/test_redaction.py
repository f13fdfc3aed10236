"""A marker in any place of any signal of any library is gone after redaction."""

from __future__ import annotations

from dataclasses import replace

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, StatusCode, TraceFlags, TraceState

from otel_clinical.sdk import RedactingLogExporter, RedactingSpanExporter
from otel_clinical.sdk._foreign import OVERFLOW
from otel_clinical.sdk._metrics import Redactor
from otel_clinical.sdk._self_test import self_test
from otel_clinical.semconv import SCHEMA_URL, SCOPE_NAME, attributes, events, metrics

CANARY = "canary-7f3a"
TEXT = f"{CANARY} Jane Roe"
RESOURCE = Resource({"service.name": "coding-service", "host.name": CANARY, "process.command_args": [CANARY]})
LEAKY = {
    attributes.MODEL_NAME: "coding",
    attributes.MODEL_VERSION: TEXT,
    attributes.OUTCOME_RESULT: CANARY,
    "exception.message": CANARY,
    "url.full": f"https://ehr/{CANARY}",
    CANARY: "key",
}
SCOPES = [SCOPE_NAME, "requests.instrumentation"]


def record_spans(exporter, scope):
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer(scope, "1.0", attributes={"k": CANARY})
    remote = SpanContext(7, 7, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("v", CANARY)]))
    parent = trace.set_span_in_context(NonRecordingSpan(remote))
    link = Link(remote, {CANARY: CANARY})
    span = tracer.start_span(TEXT, parent, attributes=LEAKY, links=[link])
    span.add_event(CANARY, {"k": CANARY})
    span.record_exception(ValueError(TEXT))
    span.set_status(StatusCode.ERROR, TEXT)
    span.end()
    provider.shutdown()


def record_logs(exporter, scope):
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    name = events.OUTCOME if scope == SCOPE_NAME else CANARY
    provider.get_logger(scope, "1.0", attributes={"k": CANARY}).emit(
        LogRecord(
            timestamp=1,
            severity_text=CANARY,
            severity_number=SeverityNumber.WARN,
            body={"text": TEXT},
            attributes=LEAKY,
            event_name=name,
            exception=ValueError(TEXT),
        )
    )
    provider.shutdown()


def record_metrics(scope):
    """Return metric data whose exemplar holds an attribute that a view has dropped from the series."""
    reader = InMemoryMetricReader()
    views = [View(instrument_name="*", attribute_keys={attributes.MODEL_NAME, attributes.MODEL_VERSION, CANARY})]
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False, views=views)
    meter = provider.get_meter(scope, "1.0", attributes={"k": CANARY})
    sampled = SpanContext(7, 7, is_remote=False, trace_flags=TraceFlags(1))
    context = trace.set_span_in_context(NonRecordingSpan(sampled))
    name = metrics.OUTCOMES.name if scope == SCOPE_NAME else "http.client.active_requests"
    meter.create_counter(name, "{call}", CANARY).add(1, LEAKY, context=context)
    data = reader.get_metrics_data()
    provider.shutdown()
    return data


def spans_bytes(scope, ledger=None):
    memory = InMemorySpanExporter()
    record_spans(RedactingSpanExporter(memory, ledger) if ledger else memory, scope)
    return encode_spans(memory.get_finished_spans())


def logs_bytes(scope, ledger=None):
    memory = InMemoryLogRecordExporter()
    record_logs(RedactingLogExporter(memory, ledger) if ledger else memory, scope)
    return encode_logs(memory.get_finished_logs())


def metrics_bytes(scope, ledger=None):
    data = record_metrics(scope)
    return encode_metrics(Redactor(ledger)(data) if ledger else data)


SIGNALS = {"spans": spans_bytes, "logs": logs_bytes, "metrics": metrics_bytes}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("signal", SIGNALS)
def test_without_redaction_the_marker_leaves(signal, scope):
    """Negative control: the same recording, exported as it is, carries the marker."""
    assert SIGNALS[signal](scope).SerializeToString().count(CANARY.encode()) > 3


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("signal", SIGNALS)
def test_with_redaction_no_marker_leaves(signal, scope, ledger):
    exported = SIGNALS[signal](scope, ledger).SerializeToString()
    assert CANARY.encode() not in exported
    assert b"Jane" not in exported
    assert b"coding-service" in exported
    assert not ledger.failures


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_was_withheld_from_our_own_signals_is_counted(signal, ledger):
    SIGNALS[signal](SCOPE_NAME, ledger)
    assert ledger.reasons


def test_a_span_keeps_its_identity_times_and_registered_attributes(ledger):
    memory = InMemorySpanExporter()
    record_spans(RedactingSpanExporter(memory, ledger), SCOPE_NAME)
    (span,) = memory.get_finished_spans()
    assert span.attributes == {attributes.MODEL_NAME: "coding"}
    assert (span.parent.trace_id, span.parent.span_id) == (7, 7)
    assert span.context.trace_id == 7
    assert span.end_time >= span.start_time > 0
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert [link.context.span_id for link in span.links] == [7]
    assert (span.name, span.events) == ("redacted", ())
    assert (span.instrumentation_scope.name, span.instrumentation_scope.schema_url) == (SCOPE_NAME, SCHEMA_URL)


@pytest.mark.parametrize(
    ("scope", "name", "expected"),
    [
        (SCOPE_NAME, "classify coding", "classify coding"),
        (SCOPE_NAME, "review coding", "review coding"),
        (SCOPE_NAME, "classify Jane Roe", "redacted"),
        (SCOPE_NAME, "treat coding", "redacted"),
        ("library", "GET /patients/123", "GET"),
        ("library", "SELECT patients", "SELECT"),
        ("library", "Jane", "redacted"),
        ("library", "", "redacted"),
    ],
)
def test_span_names_keep_only_what_cannot_name_a_person(ledger, scope, name, expected):
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(memory, ledger)))
    provider.get_tracer(scope).start_span(name).end()
    provider.shutdown()
    assert [span.name for span in memory.get_finished_spans()] == [expected]


def test_an_event_keeps_its_time_trace_and_severity(ledger):
    memory = InMemoryLogRecordExporter()
    record_logs(RedactingLogExporter(memory, ledger), SCOPE_NAME)
    (found,) = memory.get_finished_logs()
    record = found.log_record
    assert (record.event_name, record.timestamp, record.body) == (events.OUTCOME, 1, None)
    assert (record.severity_number, record.severity_text) == (SeverityNumber.WARN, "WARN")
    assert dict(record.attributes) == {attributes.MODEL_NAME: "coding"}


def test_a_record_of_ours_that_is_no_registered_event_is_dropped(ledger):
    memory = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(RedactingLogExporter(memory, ledger)))
    provider.get_logger(SCOPE_NAME).emit(LogRecord(event_name="clinical_ai.invented", body=CANARY))
    provider.shutdown()
    assert memory.get_finished_logs() == ()
    assert ledger.reasons == {"not_allowed": 1}


def test_repeated_export_of_a_cumulative_point_is_counted_once(ledger):
    redact = Redactor(ledger)
    data = record_metrics(SCOPE_NAME)
    redact(data)
    counted = dict(ledger.reasons)
    redact(data)
    assert dict(ledger.reasons) == counted


def test_an_exemplar_keeps_its_trace_and_loses_filtered_attributes(ledger):
    data = Redactor(ledger)(record_metrics(SCOPE_NAME))
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    (exemplar,) = point.exemplars
    assert (exemplar.trace_id, exemplar.filtered_attributes) == (7, {})


@pytest.mark.parametrize(
    ("scope", "name"),
    [(SCOPE_NAME, metrics.OUTCOMES.name), ("requests.instrumentation", "http.client.active_requests")],
)
def test_a_point_of_too_many_series_keeps_the_mark_of_the_sdk(ledger, scope, name):
    """Of whichever library; and a made-up mark with a text in it leaves like any other text."""
    reader = InMemoryMetricReader(cardinality_limits={Counter: 2})
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    counter = provider.get_meter(scope).create_counter(name)
    for index in range(4):
        counter.add(1, {attributes.MODEL_VERSION: str(index)})
    data = reader.get_metrics_data()
    points = Redactor(ledger)(data).resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert [point.value for point in points if point.attributes == {OVERFLOW: True}] == [2]
    assert sum(point.value for point in points) == 4
    found = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    forged = [replace(point, attributes={OVERFLOW: TEXT}) for point in found]
    found[:] = forged
    assert CANARY not in Redactor(ledger)(data).to_json()
    provider.shutdown()


class Broken:
    """Something that is no span, no log record and no metric: every access fails."""

    def __getattr__(self, name):
        raise RuntimeError(TEXT)


def test_a_span_that_cannot_be_redacted_is_dropped_alone_and_counted(ledger):
    memory, sound = InMemorySpanExporter(), InMemorySpanExporter()
    record_spans(sound, SCOPE_NAME)
    exporter = RedactingSpanExporter(memory, ledger)
    assert exporter.export([Broken(), *sound.get_finished_spans(), Broken()]) is SpanExportResult.SUCCESS
    assert len(memory.get_finished_spans()) == 1
    assert ledger.failures == {("redactor", "RuntimeError"): 2}


def test_a_log_record_that_cannot_be_redacted_is_dropped_and_counted(ledger):
    memory = InMemoryLogRecordExporter()
    RedactingLogExporter(memory, ledger).export([Broken()])
    assert memory.get_finished_logs() == ()
    assert ledger.failures == {("redactor", "RuntimeError"): 1}


def test_a_metric_that_cannot_be_redacted_is_dropped_and_counted(ledger):
    data = record_metrics(SCOPE_NAME)
    data.resource_metrics[0].scope_metrics[0].metrics.append(Broken())
    reduced = Redactor(ledger)(data)
    assert len(reduced.resource_metrics[0].scope_metrics[0].metrics) == 1
    assert ledger.failures == {("redactor", "RuntimeError"): 1}


def test_the_self_test_passes():
    assert self_test() is None


@pytest.mark.parametrize(
    ("target", "signal"),
    [("_spans.redact_span", "spans"), ("_logs.redact_log", "events"), ("_metrics.redact_scope", "metrics")],
)
def test_the_self_test_notices_when_redaction_does_nothing(monkeypatch, target, signal):
    """Negative control: a redaction that returns what it is given."""
    monkeypatch.setattr(f"otel_clinical.sdk.{target}", lambda found, *_: found)
    assert self_test() == f"the redaction of {signal} let a marker through"


def test_the_self_test_notices_when_redaction_removes_everything(monkeypatch):
    monkeypatch.setattr("otel_clinical.sdk._spans.admit", lambda *_: {})
    assert self_test() == "the redaction of spans removed what it must keep"
