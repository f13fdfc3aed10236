"""Telemetry that goes to memory, with explicit providers, and a check of it against the registry."""

from __future__ import annotations

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.instrument import Telemetry, _receipt_keys, declare_segments, record_inference
from otel_clinical.semconv import allowlist, attributes, events, metrics, spans
from otel_clinical.semconv.enums import UseCase
from tests.instrument._coding import AT

TYPES = {"string": str, "int": int, "double": float, "boolean": bool}


class Capture:
    """Providers that keep everything in memory, and the telemetry that uses them."""

    def __init__(self, **options):
        self.span_exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.span_exporter))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.log_exporter = InMemoryLogRecordExporter()
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self.log_exporter))
        self.telemetry = Telemetry(
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            logger_provider=self.logger_provider,
            **{"synchronous": True} | options,
        )

    @property
    def spans(self):
        return list(self.span_exporter.get_finished_spans())

    @property
    def span(self):
        (only,) = self.spans
        return only

    @property
    def events(self):
        return [data.log_record for data in self.log_exporter.get_finished_logs()]

    def all_metrics(self):
        self.telemetry.worker.flush(10)
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [m for rm in data.resource_metrics for sm in rm.scope_metrics for m in sm.metrics]

    def points(self, metric, *, zeros=False):
        """Return the points of a metric as {attribute values in registry order, None left out: value}."""
        found = {}
        for one in self.all_metrics():
            if one.name == metric.name:
                for point in one.data.data_points:
                    value = point.value if hasattr(point, "value") else (point.count, point.sum)
                    if value or zeros:
                        key = tuple(point.attributes[k] for k in metric.attributes if k in point.attributes)
                        found[key] = value
        return found

    def errors(self):
        return self.points(metrics.TELEMETRY_ERRORS)

    def redactions(self):
        return {key[0]: value for key, value in self.points(metrics.TELEMETRY_REDACTIONS).items()}

    def assert_conforms(self):
        """Everything captured is what the registry describes: names, keys, types, values, units, buckets."""
        for span in self.spans:
            review = attributes.REVIEW_ACTION in span.attributes
            definition = spans.DEFINITIONS[spans.REVIEW if review else spans.INFERENCE]
            check_attributes(span.attributes, definition.attributes, definition.required)
            assert not span.events
            assert review or not span.links
            assert span.status.description is None
        for event in self.events:
            definition = events.DEFINITIONS[event.event_name]
            check_attributes(event.attributes, definition.attributes, definition.required)
            assert event.body is None
        known = {metric.name: metric for metric in metrics.ALL}
        for metric in self.all_metrics():
            definition = known[metric.name]
            assert (metric.unit, metric.description) == (definition.unit, definition.description)
            for point in metric.data.data_points:
                check_attributes(point.attributes, definition.attributes, ())
                if definition.buckets is not None:
                    assert point.explicit_bounds == definition.buckets


def check_attributes(found, allowed, required):
    assert set(found) <= set(allowed)
    assert set(required) <= set(found)
    for key, value in found.items():
        rule = allowlist.ATTRIBUTES[key]
        assert type(value) is TYPES[rule.type], (key, value)
        if rule.enum is not None:
            assert value in rule.enum, (key, value)
        if rule.max_length is not None:
            assert len(value) <= rule.max_length


@pytest.fixture
def make_capture():
    """Return a maker of captures, which are shut down after the test."""
    made = []

    def make(**options):
        made.append(Capture(**options))
        return made[-1]

    yield make
    for one in made:
        one.telemetry.worker.close(10)
        one.tracer_provider.shutdown()
        one.meter_provider.shutdown()
        one.logger_provider.shutdown()


@pytest.fixture
def capture(make_capture):
    found = make_capture()
    declare_segments({"payer": ["medicaid", "commercial"], "site": ["h01", "h02"]}, telemetry=found.telemetry)
    return found


@pytest.fixture
def receipt(capture):
    """Return the receipt of an inference of the past that has everything a receipt may have."""
    return record_inference(
        model="coding",
        version="7",
        use_case=UseCase.REVENUE_CYCLE,
        segments={"payer": "medicaid", "site": "h01"},
        confidence=0.9,
        started_at=AT,
        duration=0.5,
        activation=3,
        telemetry=capture.telemetry,
    )


@pytest.fixture(autouse=True)
def receipts_as_shipped(monkeypatch):
    """Each test starts without receipt keys."""
    monkeypatch.delenv(_receipt_keys.ENVIRONMENT, raising=False)
    monkeypatch.delenv(_receipt_keys.MAX_DAYS, raising=False)
    monkeypatch.setattr(_receipt_keys, "_current", None)
