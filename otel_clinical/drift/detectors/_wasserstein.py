"""Wasserstein distance between the bins of recent values and frozen ones, on the scale of the reference's ranks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.detectors._histogram import HistogramDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_REFERENCE_ALPHA: Final = 0.01  # the reference is itself a sample


def wasserstein(counts: Floats, reference: Floats) -> Floats:
    """Return the mean distance, in ranks of the reference from 0 to 1, that values would have to be moved.

    Args:
        counts: (..., bins) recent values.
        reference: (..., bins) reference values.
    """
    p = counts / np.maximum(counts.sum(-1, keepdims=True), 1.0)
    q = reference / np.maximum(reference.sum(-1, keepdims=True), 1.0)
    gaps = np.abs(np.cumsum(p, -1) - np.cumsum(q, -1))[..., :-1]
    return np.asarray((gaps * (q[..., :-1] + q[..., 1:]) / 2.0).sum(-1))


def wasserstein_p(distance: Floats, n: Floats, m: Floats, tolerance: float) -> Floats:
    """Return p-values for "the true distance is no more than `tolerance`", given n recent and m reference values.

    The distance is at most the largest gap of the distribution functions, whose chance is bounded without any
    assumption by Dvoretzky, Kiefer and Wolfowitz (with Massart's constant).
    """
    luck = np.sqrt(math.log(2.0 / _REFERENCE_ALPHA) / (2.0 * np.maximum(m, 1.0)))
    beyond = np.maximum(distance - tolerance - luck, 0.0)
    return np.asarray(np.minimum(2.0 * np.exp(-2.0 * n * beyond**2), 1.0))


class WassersteinDetector(HistogramDetector):
    """Prove that a numeric feature has moved further than tolerated, from the bins of its values.

    Args:
        reference: Values of the reference in each bin, the bins in order.
        tolerance: Share of the ranks by which it may move for ever.
        window: Values of a look.
        threshold: Looks between false alarms, at least.

    Example:
        >>> import random
        >>> rng = random.Random(3)
        >>> def bin_of(x):
        ...     return sum(x >= edge for edge in (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5))
        >>> frozen = [0] * 8
        >>> for _ in range(5000):
        ...     frozen[bin_of(rng.gauss(0, 1))] += 1
        >>> detector = WassersteinDetector(frozen, tolerance=0.05, window=200, threshold=1e4)
        >>> for index in range(6000):
        ...     detector.update(bin_of(rng.gauss(0 if index < 3000 else 1, 1)))
        ...     if detector.drift_detected:
        ...         print(f"proved at {index}, {detector.distance:.2f} ranks beyond chance")
        ...         break
        proved at 3199, 0.23 ranks beyond chance

    References:
        Massart. The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality. The Annals of Probability, 18(3),
        1990.
    """

    kind = "wasserstein"

    def test(self, counts: NDArray[np.int64]) -> tuple[float, float]:
        """Return (p-value, distance beyond chance) of the counts of one look."""
        distance = wasserstein(counts.astype(np.float64), self.reference)
        n, m = np.array(float(counts.sum())), np.array(float(self.reference.sum()))
        p = wasserstein_p(distance, n, m, self.tolerance)
        return float(p), max(float(distance) - 0.5 / math.sqrt(float(n)), 0.0)
