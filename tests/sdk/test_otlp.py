"""Over the wire: a real receiver gets what was recorded, redacted, with the token, and again when it was busy."""

from __future__ import annotations

import logging
import time

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_clinical.instrument import register_version
from otel_clinical.instrument._sink import Instruments
from otel_clinical.sdk import configure
from otel_clinical.semconv import SCHEMA_URL, SCOPE_NAME, attributes, events, metrics

CANARY = "canary-7f3a"
LEAKY = {attributes.MODEL_NAME: "coding", attributes.MODEL_VERSION: f"{CANARY} Jane", "patient": CANARY}


@pytest.fixture
def start(receiver):
    handles = []

    def configured(**arguments):
        wanted = {"endpoint": receiver.url, "set_global": False, "schedule_delay": 0.05, **arguments}
        handles.append(configure("coding-service", **wanted))
        return handles[-1]

    yield configured
    receiver.hold.set()
    for handle in handles:
        handle.shutdown()


def record_everything(handle):
    register_version("coding", "7", telemetry=handle.telemetry)
    tracer = handle.tracer_provider.get_tracer(SCOPE_NAME)
    with pytest.raises(ValueError, match=CANARY), tracer.start_as_current_span("classify coding", attributes=LEAKY):
        raise ValueError(CANARY)
    record = LogRecord(event_name=events.OUTCOME, body=CANARY, attributes=LEAKY)
    handle.logger_provider.get_logger(SCOPE_NAME).emit(record)
    meter = handle.meter_provider.get_meter(SCOPE_NAME)
    meter.create_counter(metrics.OUTCOMES.name).add(1, LEAKY)
    meter.create_histogram(metrics.CONFIDENCE.name).record(0.5, LEAKY)


def test_every_signal_arrives_redacted(receiver, start):
    handle = start()
    record_everything(handle)
    assert handle.shutdown()
    bodies = receiver.bodies
    assert bodies
    assert all(CANARY.encode() not in body for body in bodies)
    (span,) = [
        span
        for body in receiver.accepted("/v1/traces")
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert (span.name, len(span.events), span.status.message) == ("classify coding", 0, "")
    logs = [ExportLogsServiceRequest.FromString(body) for body in receiver.accepted("/v1/logs")]
    (record,) = [r for log in logs for found in log.resource_logs for s in found.scope_logs for r in s.log_records]
    assert record.event_name == events.OUTCOME
    kept = {pair.key: pair.value.string_value for pair in record.attributes}
    assert kept == {attributes.MODEL_NAME: "coding", attributes.MODEL_VERSION: "_OTHER"}


def test_metrics_are_cumulative_whatever_the_environment_prefers(receiver, start, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram")
    handle = start()
    record_everything(handle)
    assert handle.shutdown()
    found = ExportMetricsServiceRequest.FromString(receiver.accepted("/v1/metrics")[-1])
    scope = found.resource_metrics[0].scope_metrics[0]
    data = {metric.name: metric for metric in scope.metrics}
    assert scope.schema_url == SCHEMA_URL
    assert data[metrics.OUTCOMES.name].sum.aggregation_temporality == 2
    assert data[metrics.CONFIDENCE.name].histogram.aggregation_temporality == 2


def test_every_histogram_has_the_registrys_bounds(receiver, start):
    handle = start()
    known = [metric for metric in metrics.ALL if metric.instrument == "histogram" and metric.source == "inference"]
    instruments = Instruments(handle.telemetry.meter)
    for metric in known:
        instruments.histogram(metric).record(0.5)
    assert handle.shutdown()
    found = ExportMetricsServiceRequest.FromString(receiver.accepted("/v1/metrics")[-1])
    exported = {
        metric.name: tuple(metric.histogram.data_points[0].explicit_bounds)
        for scope in found.resource_metrics[0].scope_metrics
        for metric in scope.metrics
        if metric.WhichOneof("data") == "histogram"
    }
    assert exported == {metric.name: metric.buckets for metric in known}


def test_without_metrics_none_are_sent(receiver, start):
    handle = start(metrics=None)
    record_everything(handle)
    assert handle.shutdown()
    assert receiver.accepted("/v1/traces")
    assert not receiver.accepted("/v1/metrics")


def test_the_token_and_headers_travel_with_every_export(receiver, start):
    handle = start(token="secret-token", headers={"x-hospital": "north"})  # noqa: S106 -- a token of this test
    record_everything(handle)
    assert handle.shutdown()
    assert {found.path for found in receiver.requests} == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    for headers in (found.headers for found in receiver.requests):
        assert headers["authorization"] == "Bearer secret-token"
        assert headers["x-hospital"] == "north"


def test_a_busy_receiver_is_asked_again(receiver, start, eventually):
    receiver.answers = [503]
    handle = start(metrics=None)
    handle.tracer_provider.get_tracer(SCOPE_NAME).start_span("classify coding").end()
    eventually(lambda: receiver.accepted("/v1/traces"))
    assert [found.status for found in receiver.requests if found.path == "/v1/traces"] == [503, 200]


def test_shutting_down_is_bounded_when_the_receiver_hangs(receiver, start):
    receiver.hold.clear()
    handle = start()
    record_everything(handle)
    started = time.monotonic()
    assert handle.shutdown(0.5) is False
    assert time.monotonic() - started < 3


def test_a_receiver_that_takes_no_metrics_is_named_once_with_what_to_write_instead(receiver, start, caplog):
    receiver.answers = [404, 404]
    handle = start()
    with caplog.at_level(logging.WARNING, logger="otel_clinical"):
        for _ in range(2):
            handle.meter_provider.get_meter(SCOPE_NAME).create_counter(metrics.OUTCOMES.name).add(1)
            handle.meter_provider.force_flush()
    assert [found.path for found in receiver.requests if found.status == 404] == ["/v1/metrics"] * 2
    (said,) = [record.getMessage() for record in caplog.records if record.name.startswith("otel_clinical")]
    assert "takes no metrics (404): is it a drift processor?" in said
    assert 'metrics="prometheus:PORT"' in said
