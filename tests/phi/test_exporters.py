"""Ring 2 alone: an application writes patient data by the OpenTelemetry API, and the exporters let none of it out."""

from __future__ import annotations

import gzip

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_clinical import inference, record_inference, record_outcome
from otel_clinical.sdk import configure
from otel_clinical.semconv import SCOPE_NAME, allowlist, attributes
from tests._receivers import sinks
from tests.phi._hostile import resource, views, write_everything
from tests.phi._marker import hits, marker
from tests.phi._pipes import grpc_pipe, http_exporters, http_pipe

SIGNALS = {"traces", "logs", "metrics"}


@pytest.fixture(params=["http", "http, compressed", "grpc", "grpc, compressed"])
def road(request, http_receiver, grpc_receiver):
    """Return a receiver and a maker of pipes that lead to it."""
    protocol, _, compressed = request.param.partition(", ")
    if protocol == "http":
        return http_receiver, lambda **options: http_pipe(http_receiver, gzip=bool(compressed), **options)
    return grpc_receiver, lambda **options: grpc_pipe(grpc_receiver, gzip=bool(compressed), **options)


def exported(road, *, redact):
    receiver, pipe = road
    made = pipe(redact=redact, resource=resource(), views=views())
    write_everything(made)
    made.close()
    return receiver


def test_no_marker_leaves_by_any_road(road):
    receiver = exported(road, redact=True)
    assert {request.signal for request in receiver.requests} == SIGNALS
    assert hits(sinks(receiver)) == {}


def test_without_the_redaction_markers_leave_by_every_signal(road):
    """Negative control: the same application, the same exporters."""
    receiver = exported(road, redact=False)
    found = hits({name: data for name, data in sinks(receiver).items() if not name.startswith("head")})
    assert {name.split()[0] for name in found} == SIGNALS


def test_what_identifies_the_service_and_the_inference_still_arrives(http_receiver):
    exported((http_receiver, lambda **options: http_pipe(http_receiver, **options)), redact=True)
    bodies = {signal: [r.body for r in http_receiver.requests if r.signal == signal] for signal in SIGNALS}
    spans = [
        (scope.scope.name, span.name)
        for body in bodies["traces"]
        for found in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in found.scope_spans
        for span in scope.spans
    ]
    assert (SCOPE_NAME, "predict _OTHER") in spans
    assert {("unknown", "GET"), ("unknown", "SELECT"), ("unknown", "redacted")} <= set(spans)
    (logs,) = [ExportLogsServiceRequest.FromString(body) for body in bodies["logs"]]
    resources = [found.resource for found in logs.resource_logs]
    assert {pair.key: pair.value.string_value for pair in resources[0].attributes} == {"service.name": "coding"}
    metrics = [
        metric.name
        for body in bodies["metrics"]
        for found in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in found.scope_metrics
        for metric in scope.metrics
    ]
    assert {"http.client.request.duration", "http.server.duration", "clinical_ai.outcomes"} <= set(metrics)


def test_an_exemplar_leaves_with_its_trace_and_without_what_a_view_took_from_the_series(http_receiver):
    exported((http_receiver, lambda **options: http_pipe(http_receiver, **options)), redact=True)
    exemplars = [
        exemplar
        for request in http_receiver.requests
        if request.signal == "metrics"
        for found in ExportMetricsServiceRequest.FromString(request.body).resource_metrics
        for scope in found.scope_metrics
        for metric in scope.metrics
        for point in metric.histogram.data_points
        for exemplar in point.exemplars
    ]
    assert exemplars
    assert all(exemplar.trace_id and not exemplar.filtered_attributes for exemplar in exemplars)


def test_compressed_bodies_are_searched_as_they_came(http_receiver):
    made = http_pipe(http_receiver, gzip=True, redact=False)
    made.tracer_provider.get_tracer("app").start_span(marker("name")).end()
    made.close()
    (request,) = [found for found in http_receiver.requests if found.signal == "traces"]
    assert request.compressed
    assert hits({"raw": gzip.decompress(request.body)}) == {"raw": {"raw"}}
    assert hits({"sent": request.body}) == {"sent": {"raw in compressed data"}}


@pytest.mark.parametrize("word", ["00123456", "MRN00123456", "smith", "Smith-Jane", "ZQCANARY7F"])
def test_a_single_word_leaves_as_no_name_of_ours(http_receiver, word):
    """In any attribute of the registry and in the name of a span, under our own scope: nobody declared it."""
    made = http_pipe(http_receiver, redact=True)
    texts = [key for key, rule in allowlist.ATTRIBUTES.items() if rule.type == "string"]
    for verb in ("predict", "review", "rollback"):
        span = made.tracer_provider.get_tracer(SCOPE_NAME).start_span(f"{verb} {word}")
        span.set_attributes(dict.fromkeys(texts, word))
        span.end()
    made.close()
    (body,) = [request.body for request in http_receiver.requests if request.signal == "traces"]
    assert word.encode() not in body
    assert b"predict _OTHER" in body


def test_a_name_leaves_once_code_declares_it(http_receiver):
    """The other side: the same word, decorated."""
    with configure("coding", exporters=http_exporters(http_receiver), set_global=False) as handle:
        tracer = handle.tracer_provider.get_tracer(SCOPE_NAME)
        tracer.start_span("predict sepsis-icu", attributes={attributes.MODEL_NAME: "sepsis-icu"}).end()
        handle.flush()
        inference(model="sepsis-icu", version="2026.1", telemetry=handle.telemetry)(lambda: None)()
    before, after = [request.body for request in http_receiver.requests if request.signal == "traces"]
    assert b"sepsis-icu" not in before
    assert b"predict sepsis-icu" in after
    assert b"2026.1" in after


def test_a_recorded_name_that_nobody_declared_leaves_as_other_and_is_said_once(http_receiver, caplog):
    with configure("coding", exporters=http_exporters(http_receiver), set_global=False) as handle:
        receipt = record_inference(model=marker("model"), version=marker("version"), telemetry=handle.telemetry)
        record_outcome(receipt, result="correct", telemetry=handle.telemetry)
    assert hits(sinks(http_receiver) | {"log": caplog.text.encode()}) == {}
    said = [record.getMessage() for record in caplog.records if "that nobody declared" in record.getMessage()]
    assert len(said) == len(set(said)) == 2
    assert all("register_version" in sentence for sentence in said)
