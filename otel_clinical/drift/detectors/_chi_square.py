"""Pearson's chi-square against frozen bins, with a tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.detectors._divergence import divergence_p, shares
from otel_clinical.drift.detectors._histogram import HistogramDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def chi_square(counts: Floats, reference: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Return (p-values, mean squared contingency beyond its expectation), over the last axis."""
    p, q, freedom = shares(counts, reference)
    contingency = ((p - q) ** 2 / np.where(q > 0, q, 1.0)).sum(-1)
    n, m = counts.sum(-1), reference.sum(-1)
    chance = freedom * (1.0 / np.maximum(n, 1.0) + 1.0 / np.maximum(m, 1.0))
    return divergence_p(contingency, n, m, freedom, tolerance), np.asarray(contingency - chance)


class ChiSquareDetector(HistogramDetector):
    """Prove that the shares of categories differ from the reference by more than is tolerated.

    `tolerance` is of the mean squared contingency, the sum of (p - q)^2 / q: 0.1 is a change by about a third.

    Args:
        reference: Values of the reference in each category.
        tolerance: Mean squared contingency that is tolerated for ever.
        window: Values of a look.
        threshold: Looks between false alarms, at least.

    Example:
        >>> import random
        >>> rng = random.Random(5)
        >>> detector = ChiSquareDetector([500, 300, 200], tolerance=0.1, window=200, threshold=1e4)
        >>> for index in range(8000):
        ...     weights = (5, 3, 2) if index < 4000 else (3, 2, 5)
        ...     detector.update(rng.choices((0, 1, 2), weights)[0])
        ...     if detector.drift_detected:
        ...         print(f"proved at {index}")
        ...         break
        proved at 4199

    References:
        Cohen. Statistical power analysis for the behavioral sciences, chapter 7. 1988.
    """

    kind = "chi_square"

    def test(self, counts: NDArray[np.int64]) -> tuple[float, float]:
        """Return (p-value, contingency beyond chance) of the counts of one look."""
        p, excess = chi_square(counts.astype(np.float64), self.reference, self.tolerance)
        return float(p), max(float(excess), 0.0)
