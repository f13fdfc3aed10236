"""Add many measurements to the SDK's own sums and histograms at once.

One measurement costs the SDK 8 us, of which the aggregation itself takes a tenth: the rest cleans and sorts the same
labels again. Here that is done once per set of labels, and the values of a batch are added in one go. What is added to
are the SDK's aggregations, so temporality, views, cardinality limits, forks and every reader stay as they are.
"""

# ruff: noqa: SLF001 -- the SDK has no public way in; see `aggregates_as_stock`

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

try:
    from opentelemetry.sdk.metrics._internal._view_instrument_match import _hash_attributes
    from opentelemetry.sdk.metrics._internal.aggregation import _ExplicitBucketHistogramAggregation, _SumAggregation
    from opentelemetry.sdk.metrics._internal.exemplar import AlignedHistogramBucketExemplarReservoir
    from opentelemetry.sdk.metrics._internal.measurement import Measurement
except ImportError:  # another release of the SDK: `aggregates_as_stock` says no
    _hash_attributes: Any = None  # type: ignore[no-redef]
    _SumAggregation: Any = None  # type: ignore[no-redef]
    _ExplicitBucketHistogramAggregation: Any = None  # type: ignore[no-redef]

from otel_clinical.instrument._sink import context_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otel_clinical.instrument._sink import Labels, Value

_REMEMBERED: Final = 8192
_LABELS: Final = (("a", "1"), ("b", "2"))
_BOUNDS: Final = (1.0, 2.0)


class BulkWriter:
    """Records the values of one instrument and one set of labels; nothing unless it can record all of them."""

    def __init__(self) -> None:
        self._known: dict[Labels, tuple[dict[str, str], Any]] = {}

    def __call__(self, instrument: Any, labels: Labels, values: Sequence[Value]) -> bool:
        """Record values, each with its time in ns and its origin; False leaves them to the instrument itself.

        The values are finite and 0 or more.
        """
        real = getattr(instrument, "_real_instrument", None) or instrument
        if not isinstance(real, Counter | Histogram) or not aggregates_as_stock():
            return False
        inner: Any = real
        if not inner._is_enabled():
            return False
        self._record(inner, labels, values)
        return True

    def _record(self, instrument: Any, labels: Labels, values: Sequence[Value]) -> None:
        consumer = instrument._measurement_consumer
        sampled = consumer._sdk_config.exemplar_filter.should_sample
        attributes, key = self._attributes(labels)
        for storage in consumer._reader_storages.values():
            for match in storage._get_or_init_view_instrument_match(instrument):
                if type(match._aggregation) not in _ADD or match._view._attribute_keys is not None:
                    for value, at, origin in values:
                        context = context_of(origin)
                        one = Measurement(value, at, instrument, context, attributes)
                        match.consume_measurement(one, sampled(value, at, attributes, context))
                else:
                    _add(match, attributes, key, values, sampled)

    def _attributes(self, labels: Labels) -> tuple[dict[str, str], Any]:
        """Return labels as the SDK keeps them, and as it looks them up."""
        found = self._known.get(labels)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            attributes = dict(labels)
            found = self._known[labels] = (attributes, _hash_attributes(attributes))
        return found


def _add(match: Any, attributes: dict[str, str], key: Any, values: Sequence[Value], sampled: Any) -> None:
    """Add values to the aggregation of one set of attributes, which is made when it is the first of its kind."""
    if match._reset_on_collect:
        with match._lock:
            found = match._get_or_create_aggregation(key, dict(attributes))
            _ADD[type(found)](found, attributes, values, sampled)
        return
    found = match._attributes_aggregation.get(key)
    if found is None:
        with match._lock:
            found = match._get_or_create_aggregation(key, dict(attributes))
    _ADD[type(found)](found, attributes, values, sampled)


def _add_to_sum(total: Any, attributes: dict[str, str], values: Sequence[Value], sampled: Any) -> None:
    with total._lock:
        for value, _, _ in values:
            total._value = (total._value or 0) + value
    _offer(total._reservoir, attributes, values, sampled)


def _add_to_histogram(histogram: Any, attributes: dict[str, str], values: Sequence[Value], sampled: Any) -> None:
    bounds = histogram._boundaries
    numbers = [value for value, _, _ in values]
    places = [bisect_left(bounds, number) for number in numbers]
    with histogram._lock:
        if histogram._value is None:
            histogram._value = histogram._get_empty_bucket_counts()
        total, counts = histogram._sum, histogram._value
        # One by one: another order of the same numbers may round to another sum.
        for number, place in zip(numbers, places, strict=True):
            total += number
            counts[place] += 1
        histogram._sum = total
        if histogram._record_min_max:
            histogram._min = min(histogram._min, *numbers)
            histogram._max = max(histogram._max, *numbers)
    reservoir = histogram._reservoir
    if type(reservoir) is AlignedHistogramBucketExemplarReservoir:
        values = list(_last_of_each(places, attributes, values, sampled))[::-1]
        sampled = _always
    _offer(reservoir, attributes, values, sampled)


def _last_of_each(
    places: Sequence[int], attributes: dict[str, str], values: Sequence[Value], sampled: Any
) -> Iterator[Value]:
    """Yield, last first, the values of each bucket that leave a trace in it: of those before a traced one none do.

    A value outside of any span replaces the value of an exemplar and not its trace.
    """
    done: set[int] = set()
    for place, found in zip(reversed(places), reversed(values), strict=True):
        if place in done:
            continue
        value, at, origin = found
        context = context_of(origin)
        if sampled(value, at, attributes, context):
            if get_current_span(context) != INVALID_SPAN:
                done.add(place)
            yield value, at, context


def _offer(reservoir: Any, attributes: dict[str, str], values: Sequence[Value], sampled: Any) -> None:
    for value, at, origin in values:
        context = context_of(origin)
        if sampled(value, at, attributes, context):
            reservoir.offer(value, at, attributes, context)


def _always(*_: object) -> bool:
    return True


_ADD: Final[dict[Any, Any]] = {
    _SumAggregation: _add_to_sum,
    _ExplicitBucketHistogramAggregation: _add_to_histogram,
}


@cache
def aggregates_as_stock() -> bool:
    """Record a few values both ways and compare what is collected.

    The SDK has no public way in. A release that is built differently gets its measurements one by one, at its own
    price.
    """
    try:
        return _collected(bulk=True) == _collected(bulk=False)
    except Exception:  # noqa: BLE001 -- whatever the SDK has become, there is another way
        return False


def _collected(*, bulk: bool) -> list[object]:
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("check")
    counter: Any = meter.create_counter("counter")
    histogram: Any = meter.create_histogram("histogram", explicit_bucket_boundaries_advisory=_BOUNDS)
    span = NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)))
    context = set_span_in_context(span)
    values = [(value, 3, context) for value in (0.1, 1.5, 0.7, math.pi)]
    if bulk:
        writer = BulkWriter()
        writer._record(counter, _LABELS, values)
        writer._record(histogram, _LABELS, values)
    else:
        for value, _, _ in values:
            counter.add(value, dict(_LABELS), context=context)
            histogram.record(value, dict(_LABELS), context=context)
    found = reader.get_metrics_data()
    scopes = found.resource_metrics[0].scope_metrics if found is not None else ()
    metrics: list[Any] = [metric for scope in scopes for metric in scope.metrics]
    points = [(metric.name, point) for metric in metrics for point in metric.data.data_points]
    return [(name, *_without_times(point)) for name, point in points]


def _without_times(point: Any) -> Iterator[object]:
    """Yield what must be equal; which of several counts becomes the exemplar is chance, that there is one is not."""
    for name, value in vars(point).items():
        if name == "exemplars":
            yield [(one.span_id, one.trace_id, one.filtered_attributes) for one in value]
        elif "time" not in name:
            yield value
