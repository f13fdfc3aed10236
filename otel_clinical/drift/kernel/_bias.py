"""Proof that a confidence is too high or too low on average: two betting e-detectors, one per direction."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift.detectors import (
    DIRECTIONS,
    EXCESS,
    LOG_CEILING,
    bias_growth,
    bias_null,
    bias_stakes,
    log_less,
    sr_path,
)
from otel_clinical.drift.explode._batch import MICRO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from otel_clinical.policy import Baseline, ModelPolicy, Policy

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_YEAR_DAYS: Final = 365.25
_FAR: Final = math.log(1e4)  # below the threshold: a healthy stream is there nearly always


@dataclass(frozen=True, eq=False)
class BiasDesign:
    """What the difference of confidence and score is tested against.

    Attributes:
        null: Largest tolerated mean of (confidence - score + 1) / 2, and of its mirror image.
        stakes: (k,) one per alternative.
        log_threshold: Logarithm by which the sum over the alternatives is divided.
        digest: Of null and stakes. A saved state goes on only under the same digest.
    """

    null: float
    stakes: Floats
    log_threshold: float
    digest: str

    @classmethod
    def of(cls, model: ModelPolicy, baseline: Baseline, threshold: float) -> BiasDesign:
        """Return the design of a model, with stakes that fit the variance that the baseline lets expect."""
        null, ratio = bias_null(model.calibration.tolerance), baseline.ratio()
        stakes = bias_stakes(null, ratio * (1.0 - ratio))
        digest = hashlib.blake2b(np.array([null, *stakes]).tobytes(), digest_size=16).hexdigest()
        return cls(null, stakes, math.log(threshold * DIRECTIONS * len(EXCESS)), digest)

    def growth(self, confidences: Ints, scores: Ints) -> Floats:
        """Return (n, 2 k) logarithms by which the bets grow on each pair, in millionths."""
        return bias_growth((MICRO + confidences - scores) / (2 * MICRO), self.null, self.stakes)


def calibration_thresholds(policy: Policy) -> dict[str, float]:
    """Return by model the evidence that is proof: years of its budget times outcomes of all streams in a year."""
    yearly = _YEAR_DAYS * sum(model.labels.per_day * (1 + len(model.segments)) for model in policy.models.values())
    return {name: max(model.calibration.false_alarms.years * yearly, 1.0) for name, model in policy.models.items()}


@dataclass
class BiasTest:
    """State of both directions.

    Attributes:
        design: What it is tested against.
        log_s: (2, k) logarithms of the Shiryaev-Roberts statistics: confidence too high, confidence too low.
        settled: End of the slot, microseconds, after which the statistics were last far from any proof.
        log_old: (2, k) logarithms of the part of the statistics whose bets began before that.
    """

    design: BiasDesign
    log_s: Floats = field(init=False)
    settled: int = 0
    log_old: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Begin without evidence."""
        self.log_s = np.full((DIRECTIONS, len(self.design.stakes)), -np.inf)
        self.log_old = self.log_s

    def feed(self, confidences: NDArray[np.int64], scores: NDArray[np.int64], end: int) -> None:
        """Take the pairs of a slot that ends at `end` (microseconds), in order, at least one, in millionths."""
        self.take(self.design.growth(confidences, scores), end)

    def take(self, growth: Floats, end: int) -> None:
        """Do what `feed` does with what the design's `growth` returned."""
        self.conclude(sr_path(self.log_s.ravel(), growth)[-1], growth.sum(axis=0), end)

    def conclude(self, log_s: Floats, growth: Floats, end: int) -> None:
        """Take over the statistics (2 k,) after the pairs of a slot, and the `growth` (2 k,) of all of them."""
        self.log_s = log_s.reshape(self.log_s.shape).copy()
        if float(self.log_s.max()) < self.design.log_threshold - _FAR:
            self.log_old, self.settled = self.log_s, end
        else:
            self.log_old = self.log_old + growth.reshape(self.log_s.shape)

    def correct(self, confidences: Ints, before: Ints, after: Ints, charged: Ints) -> None:
        """Let scores that were fed, and became effective at `charged`, be `after` instead of `before`, millionths.

        A bet cannot be undone, but capital may be given away: the evidence never grows by it, and stays below that of
        the scores as they were fed and as they are now. What shrinks is every bet that was on an amended score; bets
        that began after it, and after the statistics were last far from any proof, are kept.
        """
        growth = self.design.growth
        shrinkage = np.minimum(growth(confidences, after) - growth(confidences, before), 0.0)
        new = charged >= self.settled
        recent, old = (shrinkage[chosen].sum(axis=0).reshape(self.log_s.shape) for chosen in (new, ~new))
        fresh = log_less(self.log_s, self.log_old) + recent
        self.log_old = self.log_old + old + recent
        self.log_s = np.logaddexp(fresh, self.log_old)

    def evidence(self) -> tuple[float, float]:
        """Return the evidence for (too high, too low) beyond the tolerance; 1 or more is proof."""
        high, low = (
            math.exp(min(one - self.design.log_threshold, LOG_CEILING))
            for one in np.logaddexp.reduce(self.log_s, axis=1).tolist()
        )
        return high, low

    def arrays(self) -> dict[str, Floats]:
        """Return what to save beside `settled`; the old part only where it is not all of it."""
        return {"log_s": self.log_s} | ({} if self.log_old is self.log_s else {"log_old": self.log_old})

    def restore(self, arrays: Mapping[str, NDArray[Any]], settled: int | None) -> None:
        """Take over what was saved; `settled` is None in states of before.

        There every bet is taken to be on every score: it then shrinks by more than it must, never by less.
        """
        self.log_s = arrays["log_s"]
        self.settled = settled or 0
        self.log_old = arrays.get("log_old", self.log_s if settled is not None else np.full_like(self.log_s, -np.inf))
