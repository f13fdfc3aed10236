"""An application keeps its OpenTelemetry; one word before each exporter is all that is new."""

from __future__ import annotations

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.instrument import Telemetry, record_inference
from otel_clinical.sdk import ConfigurationError, _environment, redacted
from otel_clinical.semconv import metrics

CANARY = "canary-9e4c"


class InMemoryMetricExporter(MetricExporter):
    """Keep what is exported."""

    def __init__(self):
        super().__init__()
        self.exported = []

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):  # noqa: ARG002 -- the interface
        self.exported.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):  # noqa: ARG002 -- the interface
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


@pytest.fixture
def providers():
    """Return a function that sets the three signals up with the exporters that `wrap` returns."""
    started = []

    def start(wrap):
        spans, logs, points = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricExporter()
        tracer = TracerProvider(shutdown_on_exit=False)
        tracer.add_span_processor(SimpleSpanProcessor(wrap(spans)))
        logger = LoggerProvider(shutdown_on_exit=False)
        logger.add_log_record_processor(SimpleLogRecordProcessor(wrap(logs)))
        meter = MeterProvider([PeriodicExportingMetricReader(wrap(points), 60_000)], shutdown_on_exit=False)
        started.extend([tracer, logger, meter])
        return (tracer, meter, logger), (spans, logs, points)

    yield start
    for provider in started:
        provider.shutdown()


def record(tracer, meter, logger):
    telemetry = Telemetry(tracer_provider=tracer, meter_provider=meter, logger_provider=logger)
    record_inference(model="coding", version="7", telemetry=telemetry)
    with tracer.get_tracer("application").start_as_current_span(f"GET /{CANARY}", attributes={"url.path": CANARY}):
        logger.get_logger("application").emit(body=CANARY)
    meter.get_meter("application").create_counter("calls").add(1, {"patient": CANARY})
    assert telemetry.shutdown()
    meter.force_flush()


def test_every_signal_leaves_redacted(providers):
    inside, outside = providers(redacted)
    record(*inside)
    spans, logs, points = outside
    exported = [spans.get_finished_spans(), logs.get_finished_logs(), points.exported]
    assert all(exported)
    text = "".join(span.to_json() for span in exported[0]) + "".join(log.to_json() for log in exported[1])
    text += "".join(data.to_json() for data in exported[2])
    assert CANARY not in text
    assert metrics.INFERENCES.name in text


def test_without_the_word_it_would_leave(providers):
    """Negative control."""
    inside, outside = providers(lambda exporter: exporter)
    record(*inside)
    spans, _, points = outside
    assert any(CANARY in span.to_json() for span in spans.get_finished_spans())
    assert any(CANARY in data.to_json() for data in points.exported)


@pytest.mark.parametrize("thing", [None, "otlp", object(), TracerProvider])
def test_what_is_no_exporter_is_named(thing):
    with pytest.raises(ConfigurationError, match="is no exporter of spans, log records or metrics"):
        redacted(thing)


def test_a_redaction_that_fails_its_self_test_wraps_nothing(monkeypatch):
    monkeypatch.setattr(_environment, "_self_test_once", lambda: "the redaction of spans let a marker through")
    with pytest.raises(ConfigurationError, match="nothing is exported"):
        redacted(InMemorySpanExporter())
