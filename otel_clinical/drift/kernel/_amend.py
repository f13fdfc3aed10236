"""Amended outcomes in the streams: what is a sum is corrected exactly, what was bet on only ever downwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.detectors import log_growth
from otel_clinical.drift.explode._batch import MICRO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._calibration import Calibration
    from otel_clinical.drift.kernel._charged import Amendments
    from otel_clinical.drift.kernel._estimate import Estimate
    from otel_clinical.drift.kernel._outcomes import OutcomeStream
    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Amended:
    """Amended outcomes of one stream, in the order in which they became effective.

    Attributes:
        strata: (n,) position of the stratum.
        was: (n,) score before, millionths.
        now: (n,) score now.
        was_counted: (n,) whether the metric counted it before.
        counted: (n,) whether it does now.
        effective: (n,) effective time of the charge, microseconds.
    """

    strata: NDArray[np.intp]
    was: Ints
    now: Ints
    was_counted: Flags
    counted: Flags
    effective: Ints

    def __len__(self) -> int:
        """Return the number of outcomes."""
        return len(self.was)

    @property
    def more(self) -> Ints:
        """(n,) outcomes that the metric counts now, less those that it counted before."""
        return self.counted.astype(np.int64) - self.was_counted

    @property
    def gained(self) -> Ints:
        """(n,) by how much the sum of scores grows, millionths."""
        return np.asarray(self.now * self.counted - self.was * self.was_counted)

    @property
    def withdrawn(self) -> int:
        """Sum of the errors that are gone, less those that are new, millionths."""
        return int((self.gained - self.more * MICRO).sum())

    def where(self, chosen: Flags | NDArray[np.intp]) -> Amended:
        """Return the chosen outcomes, in order."""
        return Amended(
            self.strata[chosen],
            self.was[chosen],
            self.now[chosen],
            self.was_counted[chosen],
            self.counted[chosen],
            self.effective[chosen],
        )

    def shrinkage(self, null: Floats, bets: Floats) -> Floats:
        """Return (cells,) logarithms, at most 0, by which products of bets on all of these outcomes shrink.

        Args:
            null: (strata, cells) null means.
            bets: (strata, cells) stakes.
        """
        factors = np.zeros((len(self), null.shape[1]))
        for scores, counts, sign in ((self.was, self.was_counted, -1.0), (self.now, self.counted, 1.0)):
            errors = np.asarray((MICRO - scores) / MICRO)
            factors += sign * counts[:, None] * log_growth(errors, null[self.strata], bets[self.strata])
        return np.asarray(np.minimum(factors, 0.0).sum(axis=0))


def amend_streams(
    plan: ModelPlan, streams: Mapping[SegmentKey, OutcomeStream], amendments: Amendments
) -> Iterator[tuple[SegmentKey, OutcomeStream]]:
    """Correct the streams of one activation; yield those that changed."""
    chosen = amendments.judged & (amendments.was_counted | amendments.counted)
    if not chosen.any():
        return
    amendments = amendments.where(chosen)
    rows = amendments.rows
    every = Amended(
        plan.strata(rows),
        amendments.was,
        rows["score"].astype(np.int64),
        amendments.was_counted,
        amendments.counted,
        amendments.charged,
    )
    for key, where in plan.split_outcomes(rows):
        stream = streams.get(key)
        if stream is not None:
            stream.amend(every.where(where))
            yield key, stream


def amend_calibrations(
    plan: ModelPlan, calibrations: Mapping[SegmentKey, Calibration], amendments: Amendments
) -> Iterator[SegmentKey]:
    """Correct the sums of confidence and truth; yield the streams that changed."""
    chosen = amendments.judged & amendments.sure & (amendments.rows["confidence"] >= 0)
    if not chosen.any():
        return
    amendments = amendments.where(chosen)
    rows = amendments.rows
    for key, where in plan.split(rows):
        calibration = calibrations.get(key)
        if calibration is not None:
            before, after = amendments.was[where], rows["score"][where].astype(np.int64)
            charged = amendments.charged[where]
            calibration.correct(rows["confidence"][where].astype(np.int64), before, after, charged)
            yield key


def amend_estimate(estimate: Estimate, amendments: Amendments) -> bool:
    """Correct the test of an estimate; say whether it was on any of these outcomes."""
    chosen = amendments.judged & amendments.sure & (amendments.rows["confidence"] >= 0)
    return bool(chosen.any()) and estimate.correct(amendments.where(chosen))
