"""How sure the model said it was, against how often it was right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_clinical.backtest._fires import segment_label
from otel_clinical.semconv import AGGREGATE
from otel_clinical.semconv.small_cells import enough

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.backtest._encounters import Encounter

BINS = 20


@dataclass(frozen=True)
class Bin:
    """Answers of similar confidence: their number, mean confidence and mean score."""

    n: int
    said: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """Calibration of one group of answers.

    Attributes:
        name: `all`, or `payer=MC`.
        n: Answers with a confidence and an outcome.
        said: Mean confidence.
        right: Mean score.
        error: Expected calibration error: mean distance of said and right over the bins, weighted by n.
        bins: Bins that hold answers enough to be shown, from unsure to sure.
    """

    name: str
    n: int
    said: float
    right: float
    error: float
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the calibration as JSON-ready values."""
        return {
            "segment": self.name,
            "n": self.n,
            "mean_confidence": round(self.said, 6),
            "mean_score": round(self.right, 6),
            "expected_calibration_error": round(self.error, 6),
        }


def calibrate(encounters: Iterable[Encounter]) -> list[Calibration]:
    """Return the calibration of the aggregate, then of every segment value that is no small cell, largest first."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for encounter in encounters:
        if encounter.confidence is None or encounter.score is None:
            continue
        pair = (encounter.confidence, encounter.score)
        groups.setdefault(AGGREGATE, []).append(pair)
        for name, value in encounter.segments.items():
            groups.setdefault(segment_label(name, value), []).append(pair)
    found = [_group(name, pairs) for name, pairs in groups.items() if enough(len(pairs))]
    return sorted(found, key=lambda group: (group.name != AGGREGATE, group.name.split("=")[0], -group.n))


def _group(name: str, pairs: list[tuple[float, float]]) -> Calibration:
    sums = [[0.0, 0.0, 0.0] for _ in range(BINS)]
    for said, right in pairs:
        place = sums[min(int(said * BINS), BINS - 1)]
        place[0] += 1
        place[1] += said
        place[2] += right
    bins = tuple(Bin(int(n), said / n, right / n) for n, said, right in sums if n)
    total = len(pairs)
    return Calibration(
        name,
        total,
        sum(said for said, _ in pairs) / total,
        sum(right for _, right in pairs) / total,
        sum(b.n * abs(b.said - b.right) for b in bins) / total,
        tuple(one for one in bins if enough(one.n)),
    )
