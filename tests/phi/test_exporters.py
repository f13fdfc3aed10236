"""Ring 2 alone: an application writes patient data by the OpenTelemetry API, and the exporters let none of it out."""

from __future__ import annotations

import gzip

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_clinical.semconv import SCOPE_NAME, allowlist, attributes
from tests._receivers import sinks
from tests.phi._hostile import WRITTEN_BY_DEVELOPERS, resource, views, write_everything
from tests.phi._marker import hits, marker
from tests.phi._pipes import grpc_pipe, http_pipe

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
    assert (SCOPE_NAME, "redacted") in spans
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


@pytest.mark.parametrize("key", sorted(allowlist.ATTRIBUTES))
def test_words_pass_only_where_developers_write_them(http_receiver, key):
    """The known limit of the exporters, as a list: one word, under our own scope's name, in one of these keys."""
    rule = allowlist.ATTRIBUTES[key]
    if rule.type != "string" or key == attributes.SEGMENT_VALUE:
        return
    made = http_pipe(http_receiver, redact=True)
    made.tracer_provider.get_tracer(SCOPE_NAME).start_span("predict coding", attributes={key: marker("w")}).end()
    made.close()
    assert bool(hits(sinks(http_receiver))) is (key in WRITTEN_BY_DEVELOPERS)
