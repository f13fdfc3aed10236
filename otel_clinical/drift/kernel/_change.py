"""Since when, and by how much: the change-point estimate of one stream and the drop after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift.detectors import log_growth
from otel_clinical.drift.explode._batch import MICRO
from otel_clinical.drift.kernel._interval import drop_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._amend import Amended
    from otel_clinical.drift.kernel._design import StreamDesign
    from otel_clinical.drift.kernel._outcomes import Outcomes

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEVER: Final = -1
_UNKNOWN: Final = np.iinfo(np.int64).max  # of states that did not say yet when the last zero was
_LEAN: Final = 20.0  # labels of a stratum below which its performance leans on that of the whole stream


@dataclass
class ChangePoint:
    """One CUSUM per alternative drop; each remembers its labels since it was last zero.

    Attributes:
        cusum: (alternatives,) sums of log growth, never below 0.
        n: (alternatives, strata) labels since zero.
        total: (alternatives, strata) their scores, in millionths.
        since: (alternatives,) time of the first inference since zero, microseconds; `NEVER` at zero.
        zero: (alternatives,) effective time of the last outcome before that, microseconds.
    """

    cusum: Floats
    n: Ints
    total: Ints
    since: Ints
    zero: Ints

    @classmethod
    def fresh(cls, design: StreamDesign) -> ChangePoint:
        """Return the state before the first outcome."""
        strata, alternatives = design.change_bets.shape
        return cls(
            np.zeros(alternatives),
            np.zeros((alternatives, strata), np.int64),
            np.zeros((alternatives, strata), np.int64),
            np.full(alternatives, NEVER, np.int64),
            np.full(alternatives, NEVER, np.int64),
        )

    @classmethod
    def of(cls, arrays: dict[str, NDArray[Any]]) -> ChangePoint:
        """Return the state that `arrays` gave."""
        since = arrays["since"]
        return cls(
            arrays["cusum"], arrays["n"], arrays["total"], since, arrays.get("zero", np.full_like(since, _UNKNOWN))
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays."""
        return {"cusum": self.cusum, "n": self.n, "total": self.total, "since": self.since, "zero": self.zero}

    def feed(self, design: StreamDesign, outcomes: Outcomes) -> None:
        """Take outcomes, in order."""
        strata = outcomes.strata
        null = design.change_null[strata][:, None]
        walk = self.cusum + log_growth(outcomes.errors, null, design.change_bets[strata]).cumsum(axis=0)
        floor = np.minimum(np.minimum.accumulate(walk, axis=0), 0.0)
        zero, size = walk <= floor, len(outcomes)
        last = np.where(zero.any(axis=0), size - 1 - zero[::-1].argmax(axis=0), -1)
        counts, totals = _after(last, outcomes, len(design.strata))
        first = outcomes.inferred[np.minimum(last + 1, size - 1)]
        begun = np.where(last + 1 < size, first, NEVER)
        self.restart(last < 0, counts, totals, begun, outcomes.effective[last])
        self.cusum = walk[-1] - floor[-1]

    def restart(self, goes_on: NDArray[np.bool_], counts: Ints, totals: Ints, begun: Ints, zero: Ints) -> None:
        """Add the outcomes after the last zero of each alternative; forget everything before it.

        Args:
            goes_on: (alternatives,) whether there was no zero among the new outcomes.
            counts: (alternatives, strata) new outcomes since zero.
            totals: (alternatives, strata) their scores, in millionths.
            begun: (alternatives,) time of the first inference of them, microseconds; `NEVER` without any.
            zero: (alternatives,) effective time of the last outcome before them, microseconds, where there was a zero.
        """
        self.n = np.where(goes_on[:, None], self.n, 0) + counts
        self.total = np.where(goes_on[:, None], self.total, 0) + totals
        known = goes_on & (self.since != NEVER)
        self.since = np.where(known, self.since, begun)
        self.zero = np.where(goes_on, self.zero, zero)

    def amend(self, amended: Amended) -> None:
        """Let outcomes after the last zero of each alternative say what they say now.

        The sums of log growth stay: when the change began, and that it is over, is judged as it was charged.
        """
        after = amended.effective > self.zero[:, None]
        for place, chosen in enumerate(after):
            np.add.at(self.n[place], amended.strata[chosen], amended.more[chosen])
            np.add.at(self.total[place], amended.strata[chosen], amended.gained[chosen])
        np.maximum(self.n, 0, out=self.n)
        np.clip(self.total, 0, self.n * MICRO, out=self.total)

    @property
    def over(self) -> bool:
        """Whether the labels speak against any drop going on: every sum is back at zero."""
        return not self.cusum.any()

    def estimate(self, design: StreamDesign) -> tuple[int, float, int | None]:
        """Return (labels since the change, drop, time of the first inference after it in microseconds).

        The alternative with the largest sum decides; (0, 0.0, None) while every sum is zero. The drop is
        standardised to the reference's mix of the strata seen since the change. A stratum with few labels leans
        on the stream as a whole: two unlucky labels in a rare department shall not look like a drop of the model.
        """
        best = int(self.cusum.argmax())
        n, total = self.n[best], self.total[best] / MICRO
        labels = int(n.sum())
        if self.cusum[best] <= 0.0 or not labels:
            return 0, 0.0, None
        ratio = float(total.sum() / (n * design.expected).sum())
        overall = np.minimum(ratio * design.expected, 1.0)
        actual = (total + _LEAN * overall) / (n + _LEAN)
        weights = _weights(design, n)
        before, now = float((weights * design.expected).sum()), float((weights * actual).sum())
        return labels, design.scale.drop(before, now), int(self.since[best])

    def interval(self, design: StreamDesign, fed: int) -> tuple[float, float] | None:
        """Return (least, largest) drop since the change; None while every sum is zero.

        The drop that is bounded is the one from what the baseline expects of these very outcomes, each in its
        stratum. `fed` is the number of outcomes of the stream, before and after the change.
        """
        best = int(self.cusum.argmax())
        n = int(self.n[best].sum())
        if self.cusum[best] <= 0.0 or not n:
            return None
        total = int(self.total[best].sum()) / MICRO
        expected = float((self.n[best] * design.expected).sum()) / n
        return drop_interval(n, total, expected, before=fed - n, scale=design.scale)


def _after(last: NDArray[np.intp], outcomes: Outcomes, width: int) -> tuple[Ints, Ints]:
    """Return (alternatives, strata) numbers and sums of scores of the outcomes after the `last` of each alternative."""
    begin = int(last.min()) + 1
    strata, scores = outcomes.strata[begin:], outcomes.scores[begin:]
    size = len(last)
    after = np.arange(begin, begin + len(strata)) > last[:, None]
    cells = (strata + width * np.arange(size)[:, None])[after]
    counts = np.bincount(cells, minlength=size * width)
    # Whole numbers, however they are added, as long as they are far below 2**53.
    totals = np.bincount(cells, np.broadcast_to(scores, after.shape)[after], size * width).astype(np.int64)
    return counts.reshape(size, width), totals.reshape(size, width)


def _weights(design: StreamDesign, n: Ints) -> Floats:
    """Return the reference's mix over the strata with labels; unknown strata count with their present share."""
    weights = np.where(design.weights > 0.0, design.weights, n / n.sum())
    weights = np.where(n > 0, weights, 0.0)
    return np.asarray(weights / weights.sum())
