"""Whether a confidence is too high or too low on average: two bets, one per direction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import base

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors._betting import LOG_CEILING, as_number, sr_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EXCESS: Final = (0.02, 0.05, 0.10, 0.20, 0.40)
"""By how much more than the tolerance the confidence may be off; each is found fast."""
DIRECTIONS: Final = 2
_SMALLEST_VARIANCE: Final = 0.01  # of confidence minus score: a model that is nearly always right
_BOLDEST: Final = 0.9  # of the stake that could be ruined
_KIND, _VERSION = "bias_detector", 1


def bias_null(tolerance: float) -> float:
    """Return the largest tolerated mean of (confidence - score + 1) / 2, and of its mirror image."""
    return (1.0 + tolerance) / 2.0


def bias_stakes(null: float, variance: float) -> Floats:
    """Return one stake per alternative.

    The stake on a mean that exceeds the null by d is d / (variance + d^2); any stake short of ruin keeps the
    guarantee, a fitting one is fast.

    Args:
        null: As `bias_null` gives it.
        variance: Of confidence minus score.
    """
    halved, beyond = max(variance, _SMALLEST_VARIANCE) / 4.0, np.array(EXCESS) / 2.0
    return np.asarray(np.minimum(beyond / (halved + beyond**2), _BOLDEST / null))


def bias_growth(high: Floats, null: float, stakes: Floats) -> Floats:
    """Return (n, 2 k) logarithms by which the bets grow on (n,) values of (confidence - score + 1) / 2."""
    observed = np.stack((high, 1.0 - high), axis=1)
    return np.asarray(np.log1p(stakes * (observed - null)[:, :, None]).reshape(len(high), -1))


class BiasDetector(base.DriftDetector):
    """Prove that confidence minus score is, on average, further from 0 than is tolerated.

    An e-detector per direction on (confidence - score + 1) / 2, which lies in [0, 1], and on its mirror image. If the
    mean, given the past, stays within the tolerance, the expected number of values between false alarms is at least
    `threshold`, however often one looks.

    Args:
        tolerance: Mean of confidence minus score, either way, that is tolerated for ever.
        variance: Of confidence minus score; a guess makes it slower, never wrong.
        threshold: Values between false alarms, at least; both directions share it.

    Attributes:
        rejected: Values that are no number from -1 to 1; they change nothing.

    Example:
        >>> import random
        >>> rng = random.Random(3)
        >>> detector = BiasDetector(tolerance=0.05, variance=0.16, threshold=1e5)
        >>> for index in range(6000):
        ...     confidence = rng.uniform(0.6, 1.0)
        ...     right = rng.random() < (confidence if index < 3000 else confidence - 0.25)
        ...     detector.update(confidence - right)
        ...     if detector.drift_detected:
        ...         high, low = detector.evidence
        ...         print(f"proved at {index}: too {'high' if high > low else 'low'}")
        ...         break
        proved at 3165: too high

    References:
        Waudby-Smith and Ramdas. Estimating means of bounded random variables by betting. Journal of the Royal
        Statistical Society B, 86(1), 2024.
    """

    def __init__(self, tolerance: float = 0.05, variance: float = 0.16, threshold: float = 1e6) -> None:
        super().__init__()
        if not (0.0 < tolerance < 1.0 and variance > 0.0 and threshold >= 1.0):
            given = f"tolerance {tolerance}, variance {variance}, threshold {threshold}"
            raise ValueError(f"{given}: expected 0 < tolerance < 1, a variance above 0 and a threshold from 1 on")
        self.tolerance, self.variance, self.threshold = tolerance, variance, threshold
        self.rejected = 0
        self._null = bias_null(tolerance)
        self._stakes = bias_stakes(self._null, variance)
        self._log_s = np.full(DIRECTIONS * len(EXCESS), -np.inf)

    @property
    def evidence(self) -> tuple[float, float]:
        """Evidence for (too high, too low) over the threshold; 1 or more is proof."""
        log_threshold = math.log(self.threshold * DIRECTIONS * len(EXCESS))
        sums = np.logaddexp.reduce(self._log_s.reshape(DIRECTIONS, -1), axis=1) - log_threshold
        high, low = (math.exp(min(float(one), LOG_CEILING)) for one in sums)
        return high, low

    def update(self, x: float) -> None:
        """Take confidence minus score of one outcome."""
        value = as_number(x)
        if not (math.isfinite(value) and -1.0 <= value <= 1.0):
            self.rejected += 1
            return
        growth = bias_growth(np.array([(value + 1.0) / 2.0]), self._null, self._stakes)
        self._log_s = sr_path(self._log_s, growth)[-1].copy()
        self._drift_detected = max(self.evidence) >= 1.0

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "parameters": [self.tolerance, self.variance, self.threshold],
            "state": [self.rejected, bool(self._drift_detected)],
        }
        return pack(_KIND, _VERSION, meta, {"log_s": self._log_s})

    @classmethod
    def loads(cls, data: bytes) -> BiasDetector:
        """Return the detector that `dumps` saved.

        Raises:
            CodecError: `data` is damaged, or something else.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        detector = cls(*meta["parameters"])
        detector.rejected, detector._drift_detected = meta["state"]
        detector._log_s = arrays["log_s"]
        return detector
