"""Gauges of what the confidence is worth: calibration, reliability, and the estimate without labels."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from otel_clinical.drift.kernel import CalibrationRow, ReliabilityBin
from otel_clinical.drift.runtime._cells import blurred, stepped
from otel_clinical.drift.runtime._families import Sample, gauge
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.semconv import AGGREGATE, metrics
from otel_clinical.semconv.enums import DriftDirection, EstimateValidity
from otel_clinical.semconv.small_cells import SMALL_CELL


def confidence_families(kernel: KernelView) -> Iterator[Metric]:
    """Yield the families; a stream with few outcomes lately, or a bin of one, shows nothing of them."""
    rows = kernel.calibration
    large = [row for row in rows if row.recent >= SMALL_CELL]
    counts = ((_stream(row), stepped(row.labels)) for row in rows)
    yield gauge(metrics.CALIBRATION_LABELS, counts)
    yield gauge(metrics.CALIBRATION_BIAS_RATIO, ((_stream(row), blurred(row.bias)) for row in large))
    yield gauge(metrics.CALIBRATION_BRIER_RATIO, ((_stream(row), blurred(row.brier)) for row in large))
    yield gauge(metrics.CALIBRATION_ERROR_RATIO, ((_stream(row), blurred(row.error)) for row in large))
    yield gauge(metrics.CALIBRATION_EVIDENCE, (sample for row in rows for sample in _evidence(row)))
    yield gauge(metrics.CALIBRATION_BIN_RATIO, (sample for row in large for sample in _bins(row)))
    yield from _estimates(kernel)


def _estimates(kernel: KernelView) -> Iterator[Metric]:
    rows = kernel.estimates
    keys = [(row.model, row.version) for row in rows]
    enough = [row.inferences >= SMALL_CELL for row in rows]
    counts = ((key, stepped(row.inferences)) for key, row in zip(keys, rows, strict=True))
    shown = [(key, row.performance) for key, row, large in zip(keys, rows, enough, strict=True) if large]
    yield gauge(metrics.ESTIMATE_INFERENCES, counts)
    yield gauge(
        metrics.ESTIMATE_PERFORMANCE_RATIO, ((key, blurred(found)) for key, found in shown if found is not None)
    )
    states = (
        ((row.model, row.version, str(validity)), float(row.validity is validity))
        for row in rows
        for validity in EstimateValidity
    )
    yield gauge(metrics.ESTIMATE_STATUS, states)


def _stream(row: CalibrationRow) -> tuple[str, ...]:
    return row.model, row.version, row.segment, row.value


def _evidence(row: CalibrationRow) -> Iterator[Sample]:
    for direction, found in ((DriftDirection.UP, row.overconfident), (DriftDirection.DOWN, row.underconfident)):
        yield (*_stream(row), str(direction)), found if row.labels >= SMALL_CELL else 0.0


def _bins(row: CalibrationRow) -> Iterator[Sample]:
    if row.segment == AGGREGATE:
        large = (one for one in row.bins if one.labels >= SMALL_CELL)
        yield from (((row.model, row.version, _name(one)), blurred(one.score)) for one in large)


def _name(one: ReliabilityBin) -> str:
    return f"{one.low:.0%}-{one.high:.0%}".replace("%", "")
