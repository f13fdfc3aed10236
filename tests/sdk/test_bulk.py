"""Values that are added in one go lead to the points that the SDK makes of them one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, AlwaysOnExemplarFilter, Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import DropAggregation, ExponentialBucketHistogramAggregation, View
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_clinical.instrument import Telemetry
from otel_clinical.instrument._sink import Instruments, Sink
from otel_clinical.sdk import _bulk as bulk
from otel_clinical.sdk import configure
from otel_clinical.sdk._bulk import BulkWriter, aggregates_as_stock
from otel_clinical.sdk._exporters import Exporters
from otel_clinical.semconv import attributes, metrics

DELTA = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
LABELS = st.sampled_from(
    [
        ((attributes.MODEL_NAME, name), *rest)
        for name in ("coding", "sepsis")
        for rest in ((), ((attributes.MODEL_VERSION, "7"),), ((attributes.MODEL_VERSION, "8"),))
    ]
)
CONTEXTS = st.one_of(
    st.just(Context()),
    st.builds(
        lambda trace, sampled: set_span_in_context(
            NonRecordingSpan(SpanContext(trace, trace, is_remote=False, trace_flags=TraceFlags(int(sampled)))),
            Context(),
        ),
        st.integers(1, 99),
        st.booleans(),
    ),
)
HISTOGRAMS = st.sampled_from([metrics.INFERENCE_DURATION, metrics.CONFIDENCE])
VALUES = st.tuples(HISTOGRAMS, LABELS, st.one_of(st.integers(0, 9), st.floats(0, 1e6)), CONTEXTS)
COUNTS = st.tuples(st.just(metrics.INFERENCES), LABELS, st.integers(0, 9), CONTEXTS)
BATCHES = st.lists(st.lists(st.one_of(VALUES, COUNTS), max_size=20), max_size=4)
VIEWS = st.sampled_from(
    [
        [],
        [View(instrument_name="*", attribute_keys={attributes.MODEL_NAME})],
        [View(instrument_name=metrics.CONFIDENCE.name, aggregation=DropAggregation())],
        [View(instrument_name=metrics.CONFIDENCE.name, aggregation=ExponentialBucketHistogramAggregation())],
        [View(instrument_name=metrics.CONFIDENCE.name, name="a"), View(instrument_name=metrics.CONFIDENCE.name)],
    ]
)
FILTERS = st.sampled_from([None, AlwaysOnExemplarFilter(), AlwaysOffExemplarFilter()])
LIMITS = st.sampled_from([1, 3, 2000])


def set_up(views, exemplars, limit, writer):
    readers = [
        InMemoryMetricReader(temporality, cardinality_limits={Counter: limit, Histogram: limit})
        for temporality in (None, DELTA)
    ]
    provider = MeterProvider(readers, views=views, exemplar_filter=exemplars, shutdown_on_exit=False)
    instruments = Instruments(provider.get_meter("test"))
    return readers, lambda: Sink(instruments, None, writer)


def write(batch, sink):
    for metric, labels, value, context in batch:
        step = sink.count if metric is metrics.INFERENCES else sink.observe
        step(metric, labels, value, context)
    sink.close()


def points(reader):
    """Return all points without their times, in an order of their own: a sink may write metrics in another."""
    data = reader.get_metrics_data()
    scopes = data.resource_metrics[0].scope_metrics if data is not None else ()
    found = [
        (metric.name, type(metric.data).__name__, *bulk._without_times(point))
        for scope in scopes
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
    return sorted(found, key=repr)


@given(BATCHES, VIEWS, FILTERS, st.just(2000))
def test_every_reader_sees_the_same_points_sums_bounds_and_exemplars(batches, views, exemplars, limit):
    stock, stock_sink = set_up(views, exemplars, limit, None)
    ours, our_sink = set_up(views, exemplars, limit, BulkWriter())
    if any(view._attribute_keys is not None for view in views):
        # Series of one batch that a view makes one are added one after the other: of a bucket another value is last.
        batches = [[one] for batch in batches for one in batch]
    for batch in batches:
        write(batch, stock_sink())
        write(batch, our_sink())
        assert [points(reader) for reader in ours] == [points(reader) for reader in stock]


@given(st.lists(VALUES.filter(lambda one: one[0] is metrics.CONFIDENCE), max_size=30), st.sampled_from([1, 2, 3]))
def test_past_the_cardinality_limit_values_become_the_overflow_point(batch, limit):
    stock, stock_sink = set_up([], None, limit, None)
    ours, our_sink = set_up([], None, limit, BulkWriter())
    for one in batch:  # each a batch of its own: the order in which labels come up decides who overflows
        write([one], stock_sink())
        write([one], our_sink())
    assert [points(reader) for reader in ours] == [points(reader) for reader in stock]


def test_the_comparison_sees_a_bucket_that_is_wrong(monkeypatch):
    assert aggregates_as_stock()
    monkeypatch.setattr(bulk, "bisect_left", lambda _bounds, _value: 0)
    stock, stock_sink = set_up([], None, 2000, None)
    ours, our_sink = set_up([], None, 2000, BulkWriter())
    batch = [(metrics.CONFIDENCE, ((attributes.MODEL_NAME, "coding"),), 0.9, Context())]
    write(batch, stock_sink())
    write(batch, our_sink())
    assert points(ours[0]) != points(stock[0])


@pytest.mark.parametrize("broken", ["bisect_left", "_hash_attributes"])
def test_an_sdk_that_is_built_differently_gets_its_values_one_by_one(monkeypatch, broken):
    def differently(*_):
        raise AttributeError

    monkeypatch.setattr(bulk, broken, differently)
    aggregates_as_stock.cache_clear()
    try:
        assert not aggregates_as_stock()
        readers, sink = set_up([], None, 2000, BulkWriter())
        write([(metrics.CONFIDENCE, ((attributes.MODEL_NAME, "coding"),), 0.9, Context())], sink())
        assert len(points(readers[0])) == 1
    finally:
        monkeypatch.undo()
        aggregates_as_stock.cache_clear()
    assert aggregates_as_stock()


def test_a_fault_of_one_series_leaves_the_others_alone():
    def picky(instrument, labels, _values):
        if labels == (("bad", "1"),):
            raise RuntimeError
        return False

    readers, sink = set_up([], None, 2000, picky)
    with pytest.raises(RuntimeError):
        write([(metrics.CONFIDENCE, ((name, "1"),), 0.5, Context()) for name in ("bad", "good")], sink())
    assert [point[2] for point in points(readers[0])] == [{"good": "1"}]


def test_a_number_that_the_sdk_refuses_is_left_to_it(caplog):
    readers, sink = set_up([], None, 2000, BulkWriter())
    write([(metrics.CONFIDENCE, (), float("nan"), Context()), (metrics.CONFIDENCE, (), -1.0, Context())], sink())
    assert points(readers[0]) == []
    assert len(caplog.records) == 2


def test_our_set_up_adds_in_one_go_and_a_telemetry_of_somebody_else_does_not(telemetry_of_an_app):
    with configure("a", exporters=Exporters(), set_global=False) as handle:
        assert isinstance(handle.telemetry.bulk, BulkWriter)
    assert telemetry_of_an_app.bulk is None


@pytest.fixture
def telemetry_of_an_app():
    return Telemetry(meter_provider=MeterProvider(shutdown_on_exit=False))
