"""Carry one metric value that stands on its own to the background thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from otel_clinical.semconv import MetricDef

    from ._sink import Labels, Sink


class Figure:
    """One value of a counter or histogram; its exemplar leads to the trace of `context`, by default the current one."""

    __slots__ = ("_context", "_labels", "_metric", "_value")

    def __init__(self, metric: MetricDef, labels: Labels, value: float, context: Context | None = None) -> None:
        self._metric = metric
        self._labels = labels
        self._value = value
        self._context = otel_context.get_current() if context is None else context

    def derive(self, sink: Sink) -> None:
        """Write the point."""
        write = sink.count if self._metric.instrument == "counter" else sink.observe
        write(self._metric, self._labels, self._value, self._context)
