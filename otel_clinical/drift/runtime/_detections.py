"""How a drift detection is labelled on the counter of detections."""

from otel_clinical.drift.kernel import DriftRow
from otel_clinical.semconv.enums import DriftDirection

PERFORMANCE = "performance"
_UP_OR_DOWN = DriftDirection.UP, DriftDirection.DOWN
_ONE_WAY = {PERFORMANCE: (DriftDirection.DOWN,), "segment_mix": (DriftDirection.BOTH,)}


def directions(row: DriftRow) -> tuple[DriftDirection, ...]:
    """Return the directions in which this detector can fire at all: performance only for the worse, a mix any way."""
    return _ONE_WAY.get(row.signal, _UP_OR_DOWN)


def direction(row: DriftRow) -> DriftDirection:
    """Return the direction of the newest detection."""
    possible = directions(row)
    return possible[0] if len(possible) == 1 or row.score >= 0 else DriftDirection.DOWN


def detection_labels(row: DriftRow, which: DriftDirection) -> tuple[str, ...]:
    """Return the label values of the counter, in the registry's order."""
    return row.model, row.version, row.segment, row.value, row.signal, str(row.detector), str(which)
