"""Metrics that are encoded a few points at a time are, byte for byte, what the stock encoder makes of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_clinical.sdk import _http_metrics as http_metrics
from otel_clinical.sdk import _metric_slices as slices
from otel_clinical.sdk._grpc_metrics import GrpcMetricExporter
from otel_clinical.sdk._http_metrics import HttpMetricExporter
from otel_clinical.sdk._metric_slices import POINTS, encode_in_slices

TIMES = st.integers(0, 2**63 - 1)
NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats())
ATTRIBUTES = st.dictionaries(
    st.text(max_size=9), st.one_of(st.text(max_size=9), st.booleans(), st.integers(0, 9), st.floats()), max_size=3
)
IDS = st.one_of(st.none(), st.integers(0, 2**64 - 1))
EXEMPLARS = st.lists(st.builds(Exemplar, ATTRIBUTES, NUMBERS, TIMES, IDS, IDS), max_size=2)
COUNTED = st.builds(NumberDataPoint, ATTRIBUTES, TIMES, TIMES, NUMBERS, EXEMPLARS)
BINNED = st.builds(
    HistogramDataPoint,
    ATTRIBUTES,
    TIMES,
    TIMES,
    st.integers(0, 99),
    st.floats(),
    st.just((1, 2, 3)),
    st.just((0.5, 1.0)),
    st.floats(),
    st.floats(),
    EXEMPLARS,
)
TEMPORALITIES = st.sampled_from([AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
SIZE = 2 * POINTS + 1
DATA = st.one_of(
    st.builds(Sum, st.lists(COUNTED, max_size=SIZE), TEMPORALITIES, st.booleans()),
    st.builds(Gauge, st.lists(COUNTED, max_size=SIZE)),
    st.builds(Histogram, st.lists(BINNED, max_size=SIZE), TEMPORALITIES),
)
TEXTS = st.text(max_size=9)
METRICS = st.lists(st.builds(Metric, TEXTS, TEXTS, TEXTS, DATA), max_size=3)


def scopes(names):
    scope = st.sampled_from(names).map(lambda name: InstrumentationScope(name, "1", "https://example.org"))
    found = st.builds(ScopeMetrics, scope, METRICS, st.just("https://example.org"))
    return st.lists(found, max_size=2, unique_by=lambda one: one.scope)


RESOURCES = st.builds(
    ResourceMetrics, st.sampled_from([Resource({}), Resource({"service.name": "a"}, "x")]), scopes("ab"), st.just("")
)
DATAS = st.builds(MetricsData, st.lists(RESOURCES, max_size=2, unique_by=lambda one: one.resource.schema_url))


@given(DATAS)
def test_the_bytes_are_those_of_the_stock_encoder(data):
    assert encode_in_slices(data).SerializePartialToString() == encode_metrics(data).SerializePartialToString()


def counted(number):
    points = [NumberDataPoint({"place": place}, 1, 2, place, []) for place in range(number)]
    metric = Metric("count", "", "1", Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True))
    scope = ScopeMetrics(InstrumentationScope("a"), [metric], "")
    return MetricsData([ResourceMetrics(Resource({}), [scope], "")])


def test_the_comparison_sees_a_point_that_is_left_out(monkeypatch):
    monkeypatch.setattr(slices, "POINTS", 0)  # the first part has no point, and nor has any other
    assert encode_in_slices(counted(1)) != encode_metrics(counted(1))


def test_no_more_than_a_few_points_are_encoded_at_once(monkeypatch):
    sizes = []

    def watched(data):
        found = [metric for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics]
        sizes.append(sum(len(metric.data.data_points) for metric in found))
        return encode_metrics(data)

    monkeypatch.setattr(slices, "encode_metrics", watched)
    encode_in_slices(counted(100))
    assert sum(sizes) == 100
    assert max(sizes) == POINTS


def test_http_sends_what_was_encoded_in_slices(receiver):
    exporter = HttpMetricExporter(endpoint=f"{receiver.url}/v1/metrics")
    assert exporter.export(counted(20)) is MetricExportResult.SUCCESS
    assert receiver.accepted("/v1/metrics") == [encode_metrics(counted(20)).SerializeToString()]
    exporter.shutdown()
    assert exporter.export(counted(20)) is MetricExportResult.FAILURE


def test_http_leaves_what_it_cannot_encode_or_must_split_to_the_stock_exporter(receiver, monkeypatch):
    exporter = HttpMetricExporter(endpoint=f"{receiver.url}/v1/metrics", max_export_batch_size=15)
    assert exporter.export(counted(20)) is MetricExportResult.SUCCESS
    assert len(receiver.accepted("/v1/metrics")) == 2
    exporter.shutdown()

    def broken(_data):
        raise ValueError

    monkeypatch.setattr(http_metrics, "encode_in_slices", broken)
    exporter = HttpMetricExporter(endpoint=f"{receiver.url}/v1/metrics")
    assert exporter.export(counted(20)) is MetricExportResult.SUCCESS
    assert len(receiver.accepted("/v1/metrics")) == 3
    exporter.shutdown()


def test_grpc_sends_what_was_encoded_in_slices():
    exporter = GrpcMetricExporter(endpoint="http://127.0.0.1:1", insecure=True)
    assert exporter._translate_data(counted(20)) == encode_metrics(counted(20))
    exporter.shutdown()
