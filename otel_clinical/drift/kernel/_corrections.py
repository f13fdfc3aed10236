"""What came too late for its slot, kept so that closed figures can be computed again with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_clinical.drift.explode._batch import ABSENT, MICRO, SEGMENTS, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

_NAMES = {
    Kind.INFERENCE: "inference",
    Kind.OUTCOME: "outcome",
    Kind.REVIEW: "review",
    Kind.CHANGE: "change",
    Kind.SAFETY: "safety",
}


@dataclass(frozen=True, slots=True)
class Correction:
    """One late record: numbers, declared words and hashes of random ids, as in the journal.

    Attributes:
        kind: inference, outcome, review, change or safety.
        model: Declared model.
        version: Declared version, or `_OTHER`.
        activation: Ordinal of the activation that served.
        segments: Declared values by segment name.
        score: How right an outcome was, in [0, 1]; None if it does not say.
        confidence: In [0, 1]; None if it was not given.
        time: Unix seconds at which it happened.
        inferred: Unix seconds of the inference it is about.
        event: Hash of its id.
        inference: Hash of the inference's id.
        behind: Seconds between the event time it belongs to and the first slot that was still open.
        used: It was counted as of now, in an open slot; otherwise it changed nothing.
    """

    kind: str
    model: str
    version: str
    activation: int
    segments: Mapping[str, str]
    score: float | None
    confidence: float | None
    time: float
    inferred: float
    event: str
    inference: str
    behind: float
    used: bool


def corrections(
    rows: NDArray[np.void], due: NDArray[np.int64], used: NDArray[np.bool_], words: Sequence[str], open_at: int
) -> tuple[Correction, ...]:
    """Describe late records.

    Args:
        rows: Of `PENDING`.
        due: Event time each belongs to, microseconds.
        used: Whether each is counted as of now.
        words: Every word by its number.
        open_at: Event time at which the first open slot begins, microseconds.
    """
    return tuple(
        Correction(
            kind=_NAMES[Kind(row["kind"])],
            model=words[row["model"]],
            version=words[row["version"]],
            activation=int(row["activation"]),
            segments={name.value: words[value] for name, value in zip(SEGMENTS, row["segments"], strict=True) if value},
            score=_share(row["score"]),
            confidence=_share(row["confidence"]),
            time=int(row["time"]) / 1e6,
            inferred=int(row["inferred"]) / 1e6,
            event=f"{int(row['event']):016x}",
            inference=f"{int(row['inference']):016x}",
            behind=(open_at - when) / 1e6,
            used=counted,
        )
        for row, when, counted in zip(rows, due.tolist(), used.tolist(), strict=True)
    )


def _share(value: int) -> float | None:
    return None if value == ABSENT else int(value) / MICRO
