"""What the drift detectors saw: witnesses, never judges; a tier needs evidence of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otel_clinical.backtest._fires import Timeline, moment_text, segment_label
from otel_clinical.drift.kernel import DriftDetected, FeatureMoved

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


@dataclass(frozen=True)
class MovedInput:
    """One input feature of one segment that was proved to have left the baseline: how often, when first, how far."""

    segment: str
    feature: str
    aspects: tuple[str, ...]
    times: int
    first: float
    first_row: int
    moved: float
    psi: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "segment": self.segment,
            "feature": self.feature,
            "aspects": list(self.aspects),
            "proofs": self.times,
            "first": moment_text(self.first),
            "first_row": self.first_row,
            "moved": round(self.moved, 4),
            "psi": round(self.psi, 4),
        }


def moved_inputs(transitions: Iterable[Transition], timeline: Timeline) -> list[MovedInput]:
    """Return the inputs that were proved to have moved, in order of their first proof; figures are of that moment."""
    found: dict[tuple[str, str], list[FeatureMoved]] = {}
    for transition in transitions:
        if isinstance(transition, FeatureMoved):
            row = transition.row
            found.setdefault((segment_label(row.segment, row.value), row.feature), []).append(transition)
    grouped = [
        MovedInput(
            segment,
            feature,
            aspects=tuple(aspect.value for aspect, value in seen[0].row.evidence.items() if value >= 1.0),
            times=len(seen),
            first=seen[0].at,
            first_row=timeline.row_of(seen[0].at),
            moved=seen[0].row.moved,
            psi=seen[0].row.psi,
        )
        for (segment, feature), seen in found.items()
    ]
    return sorted(grouped, key=lambda one: (one.first, one.segment, one.feature))
