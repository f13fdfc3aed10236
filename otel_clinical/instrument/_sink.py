"""Write metric points and events through the OpenTelemetry API, counters summed per batch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import context as otel_context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from otel_clinical.semconv import events as event_names

from . import _ambient
from ._slices import in_slices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry._logs import Logger
    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter, Histogram, Meter

    from otel_clinical.semconv import MetricDef

    Origin = Context | SpanContext | None
    """What a point belongs to: a context, or the trace that one is to be made of when somebody asks."""

Labels = tuple[tuple[str, str], ...]
"""Attribute key and value pairs of one metric point, in a fixed order."""

Point = tuple["MetricDef", Labels]
"""A metric and the labels of one of its points."""

Value = tuple[float, int, "Origin"]
"""A measured value, its time in ns and what it belongs to, whose trace may become its exemplar."""

_NO_CONTEXT: Final = otel_context.Context()
_INFINITE: Final = float("inf")


def context_of(origin: Origin) -> Context:
    """Return the context of an origin.

    Of a thousand values three become exemplars: a context for each would be the most of what a batch makes.
    """
    if origin is None:
        return _NO_CONTEXT
    return set_span_in_context(NonRecordingSpan(origin), _NO_CONTEXT) if isinstance(origin, SpanContext) else origin


class Bulk(Protocol):
    """Records many values at once where the SDK in use allows that."""

    def __call__(self, instrument: Counter | Histogram, labels: Labels, values: Sequence[Value]) -> bool:
        """Record all of the values and return True, or none and return False."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is the same for all inferences that differ in their numbers only.

    Attributes:
        counts: Points that count one for each inference.
        timed: Labels of the duration.
        served: Labels of the confidence.
        checked: Labels of the input quality.
    """

    counts: tuple[Point, ...]
    timed: Labels
    served: Labels
    checked: Labels


class Instruments:
    """Create each instrument of the registry once, when first used."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def counter(self, metric: MetricDef) -> Counter:
        """Return the counter of a metric definition."""
        found = self._counters.get(metric.name)
        if found is None:
            found = self._meter.create_counter(metric.name, metric.unit, metric.description)
            self._counters[metric.name] = found
        return found

    def histogram(self, metric: MetricDef) -> Histogram:
        """Return the histogram of a metric definition, with the registry's buckets."""
        found = self._histograms.get(metric.name)
        if found is None:
            found = self._meter.create_histogram(
                metric.name,
                metric.unit,
                metric.description,
                explicit_bucket_boundaries_advisory=metric.buckets,
            )
            self._histograms[metric.name] = found
        return found


class Sink:
    """Collect the points of one batch; `close` writes the summed counters.

    The origin of a point is the trace of the inference it belongs to, so that exemplars lead to its trace.
    """

    def __init__(self, instruments: Instruments, logger: Logger, bulk: Bulk | None = None) -> None:
        self._instruments = instruments
        self._logger = logger
        self._bulk = bulk
        self._values: dict[tuple[str, Labels], tuple[MetricDef, list[Value]]] = {}
        self._fault: Exception | None = None
        # Keyed by name: hashing a whole definition would cost more than the rest of a count.
        self._sums: dict[tuple[str, Labels], tuple[MetricDef, float, Origin]] = {}
        self._shapes: dict[tuple[object, ...], tuple[Shape, int, Origin]] = {}

    def repeat(self, key: tuple[object, ...], origin: Origin) -> Shape | None:
        """Count one more inference of a shape and return the shape; None when it is the first of the batch."""
        known = self._shapes.get(key)
        if known is None:
            return None
        self._shapes[key] = (known[0], known[1] + 1, origin)
        return known[0]

    def begin(self, key: tuple[object, ...], shape: Shape, origin: Origin) -> Shape:
        """Count the first inference of a shape."""
        self._shapes[key] = (shape, 1, origin)
        return shape

    def count(self, metric: MetricDef, labels: Labels, amount: float = 1, origin: Origin = None) -> None:
        """Add to a counter."""
        key = (metric.name, labels)
        known = self._sums.get(key)
        self._sums[key] = (metric, amount if known is None else known[1] + amount, origin)

    def observe(self, metric: MetricDef, labels: Labels, value: float, origin: Origin = None) -> None:
        """Record one value of a histogram."""
        if self._bulk is None or not 0 <= value < _INFINITE:  # the SDK warns of such numbers
            self._instruments.histogram(metric).record(value, dict(labels), context=context_of(origin))
            return
        key = (metric.name, labels)
        known = self._values.get(key)
        if known is None:
            known = self._values[key] = (metric, [])
        known[1].append((value, time.time_ns(), origin))

    def emit(
        self, event: str, attributes: Mapping[str, Any], *, at: int, context: Context, elevated: bool = False
    ) -> None:
        """Write one event with time `at` (ns) in the trace of `context`."""
        definition = event_names.DEFINITIONS[event]
        severity = definition.elevated_severity if elevated else definition.severity
        self._logger.emit(
            LogRecord(
                timestamp=at,
                observed_timestamp=_ambient.time_ns(),
                context=context,
                severity_text=severity,
                severity_number=SeverityNumber[severity],
                attributes=dict(attributes),
                event_name=event,
            )
        )

    def close(self) -> None:
        """Write the values and counters of the batch; a fault keeps none but its own back, and is raised at the end."""
        for (_, labels), (metric, found) in in_slices(self._values.items()):
            self._attempt(self._write_values, metric, labels, found)
        self._values.clear()
        for shape, inferences, origin in in_slices(self._shapes.values()):
            for metric, labels in shape.counts:
                self.count(metric, labels, inferences, origin)
        self._shapes.clear()
        for (_, labels), (metric, amount, origin) in in_slices(self._sums.items()):
            self._attempt(self._write_sum, metric, labels, amount, origin)
        self._sums.clear()
        if self._fault is not None:
            raise self._fault

    def _attempt(self, step: Callable[..., None], *given: object) -> None:
        try:
            step(*given)
        except Exception as error:  # noqa: BLE001 -- a user's view or exemplar filter may raise anything
            self._fault = error

    def _write_values(self, metric: MetricDef, labels: Labels, values: Sequence[Value]) -> None:
        histogram = self._instruments.histogram(metric)
        if self._bulk is None or not self._bulk(histogram, labels, values):
            for value, _, origin in values:
                histogram.record(value, dict(labels), context=context_of(origin))

    def _write_sum(self, metric: MetricDef, labels: Labels, amount: float, origin: Origin) -> None:
        counter = self._instruments.counter(metric)
        if self._bulk is None or amount < 0 or not self._bulk(counter, labels, [(amount, time.time_ns(), origin)]):
            counter.add(amount, dict(labels), context=context_of(origin))
