"""What the drift detectors saw: witnesses, never judges; a tier needs evidence of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otel_clinical.backtest._fires import Timeline, moment_text, segment_label
from otel_clinical.drift.kernel import DriftDetected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.drift.kernel import Transition

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Witness:
    """Detections of one signal of one segment by one detector: how many, and when first and last."""

    segment: str
    signal: str
    detector: str
    times: int
    first: float
    last: float
    first_row: int

    def as_dict(self) -> dict[str, Any]:
        """Return the witness as JSON-ready values."""
        return {
            "segment": self.segment,
            "signal": self.signal,
            "detector": self.detector,
            "detections": self.times,
            "first": moment_text(self.first),
            "first_row": self.first_row,
            "last": moment_text(self.last),
        }


def witnesses(transitions: Iterable[Transition], timeline: Timeline) -> list[Witness]:
    """Return the detections, grouped, in order of their first."""
    found: dict[Key, list[float]] = {}
    for transition in transitions:
        if isinstance(transition, DriftDetected):
            row = transition.row
            key = (segment_label(row.segment, row.value), row.signal, row.detector.value)
            found.setdefault(key, []).append(transition.at)
    grouped = [
        Witness(*key, times=len(times), first=times[0], last=times[-1], first_row=timeline.row_of(times[0]))
        for key, times in found.items()
    ]
    return sorted(grouped, key=lambda witness: (witness.first, witness.segment, witness.signal))
