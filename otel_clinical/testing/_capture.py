"""Keep in memory what the code under test reports."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.instrument import Telemetry, declare_segments, use_telemetry
from otel_clinical.testing._clock import START, Clock, SeededIds, put_in_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.metrics.export import Metric, MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

    from otel_clinical.semconv import MetricDef


class Capture:
    """Everything that was reported, and the clock it was reported by.

    Attributes:
        telemetry: Where the decorators report; pass it on where the default is not wanted.
        clock: Time as the instrumentation sees it; it stands still until `advance` is called.
        tracer_provider: For spans; hand it to other libraries whose spans are to be captured too.
        meter_provider: For metrics.
        logger_provider: For events.
    """

    def __init__(self, clock: Clock, ids: SeededIds) -> None:
        self.clock = clock
        self._spans = InMemorySpanExporter()
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK left it out
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False, id_generator=ids)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self.telemetry = Telemetry(
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            logger_provider=self.logger_provider,
            synchronous=True,
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """Spans that ended, in that order."""
        return self._spans.get_finished_spans()

    @property
    def events(self) -> tuple[ReadableLogRecord, ...]:
        """Events, in the order they were reported."""
        return self._logs.get_finished_logs()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics as they stand now."""
        data = self.metrics_data()
        return (
            tuple(m for r in data.resource_metrics for scope in r.scope_metrics for m in scope.metrics) if data else ()
        )

    def metrics_data(self) -> MetricsData | None:
        """Return the metrics with resource and scope; None before the first."""
        self.telemetry.worker.flush()
        return self._reader.get_metrics_data()

    def points(self, metric: MetricDef) -> dict[tuple[object, ...], float]:
        """Return what was counted, or how many values a histogram holds, by the attribute values in registry order.

        Points that are still at zero are left out.
        """
        found: dict[tuple[object, ...], float] = {}
        for one in self.metrics:
            if one.name == metric.name:
                for point in one.data.data_points:
                    value: Any = getattr(point, "value", None)
                    count = getattr(point, "count", 0) if value is None else value
                    if count:
                        labels = point.attributes or {}
                        found[tuple(labels[key] for key in metric.attributes if key in labels)] = count
        return found

    def close(self) -> None:
        """Shut the providers down."""
        for provider in (self.tracer_provider, self.meter_provider, self.logger_provider):
            provider.shutdown()


@contextmanager
def capture(
    *, segments: Mapping[str, Iterable[str]] | None = None, start: float = START, seed: int = 0
) -> Iterator[Capture]:
    """Capture in memory what decorated code reports inside a `with` block.

    Everything is processed on the caller's thread, the clock stands still and ids follow from the seed, so that a test
    may compare exact values. The capture is the default of the whole process: one at a time.

    Args:
        segments: Values that may leave, as for `declare_segments`.
        start: Unix time at which the clock stands, in seconds.
        seed: Other seeds lead to other ids.
    """
    ids = SeededIds(seed)
    found = Capture(Clock(start), ids)
    try:
        declare_segments(segments or {}, telemetry=found.telemetry)
        with put_in_place(found.clock, ids), use_telemetry(found.telemetry):
            yield found
    finally:
        found.close()
