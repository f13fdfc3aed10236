"""Gauges of the volume and of the safety events."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from otel_clinical.drift.kernel import VolumeRow
from otel_clinical.drift.runtime._cells import blurred
from otel_clinical.drift.runtime._families import Sample, gauge
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import DriftDirection
from otel_clinical.semconv.small_cells import SMALL_CELL


def heartbeat_families(kernel: KernelView) -> Iterator[Metric]:
    """Yield the families; a ratio of small counts is not shown."""
    yield gauge(metrics.VOLUME_EVIDENCE, (sample for row in kernel.volumes for sample in _evidence(row)))
    ratios = (
        ((row.model, row.segment, row.value), blurred(row.count / row.expected))
        for row in kernel.volumes
        if row.count is not None and row.expected is not None and row.expected >= SMALL_CELL
        if not 0 < row.count < SMALL_CELL
    )
    yield gauge(metrics.VOLUME_RATIO, ratios)
    yield gauge(metrics.SAFETY_EVIDENCE, (((row.model,), row.evidence) for row in kernel.safety))


def _evidence(row: VolumeRow) -> Iterator[Sample]:
    for direction, found in ((DriftDirection.DOWN, row.silence), (DriftDirection.UP, row.surge)):
        yield (row.model, row.segment, row.value, str(direction)), found
