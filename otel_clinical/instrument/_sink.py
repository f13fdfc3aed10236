"""Write metric points and events through the OpenTelemetry API, counters summed per batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry._logs import LogRecord, SeverityNumber

from otel_clinical.semconv import events as event_names

from . import _ambient
from ._slices import in_slices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry._logs import Logger
    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter, Histogram, Meter

    from otel_clinical.semconv import MetricDef

    from ._inference_points import Shape

Labels = tuple[tuple[str, str], ...]
"""Attribute key and value pairs of one metric point, in a fixed order."""

Point = tuple["MetricDef", Labels]
"""A metric and the labels of one of its points."""

_NO_CONTEXT = otel_context.Context()


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

    The context of a point is that of the inference it belongs to, so that exemplars lead to its trace.
    """

    def __init__(self, instruments: Instruments, logger: Logger) -> None:
        self._instruments = instruments
        self._logger = logger
        # Keyed by name: hashing a whole definition would cost more than the rest of a count.
        self._sums: dict[tuple[str, Labels], tuple[MetricDef, float, Context]] = {}
        self._shapes: dict[tuple[object, ...], tuple[Shape, int, Context]] = {}

    def repeat(self, key: tuple[object, ...], context: Context) -> Shape | None:
        """Count one more inference of a shape and return the shape; None when it is the first of the batch."""
        known = self._shapes.get(key)
        if known is None:
            return None
        self._shapes[key] = (known[0], known[1] + 1, context)
        return known[0]

    def begin(self, key: tuple[object, ...], shape: Shape, context: Context) -> Shape:
        """Count the first inference of a shape."""
        self._shapes[key] = (shape, 1, context)
        return shape

    def count(self, metric: MetricDef, labels: Labels, amount: float = 1, context: Context = _NO_CONTEXT) -> None:
        """Add to a counter."""
        key = (metric.name, labels)
        known = self._sums.get(key)
        self._sums[key] = (metric, amount if known is None else known[1] + amount, context)

    def observe(self, metric: MetricDef, labels: Labels, value: float, context: Context = _NO_CONTEXT) -> None:
        """Record one value of a histogram."""
        self._instruments.histogram(metric).record(value, dict(labels), context=context)

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
        """Write the counters of the batch."""
        for shape, inferences, context in in_slices(self._shapes.values()):
            for metric, labels in shape.counts:
                self.count(metric, labels, inferences, context)
        self._shapes.clear()
        for (_, labels), (metric, amount, context) in in_slices(self._sums.items()):
            self._instruments.counter(metric).add(amount, dict(labels), context=context)
        self._sums.clear()
