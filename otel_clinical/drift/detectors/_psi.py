"""Population stability index against frozen bins, with what chance explains taken off and tested for its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.detectors._divergence import divergence_p, shares
from otel_clinical.drift.detectors._histogram import HistogramDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def psi(counts: Floats, reference: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Return (p-values, PSI beyond its expectation), over the last axis.

    Without any drift the index is (bins - 1) * (1/n + 1/m) on average: the customary limits of 0.1 and 0.2 mean
    nothing without the numbers of values n and m.
    """
    p, q, freedom = shares(counts, reference)
    there = q > 0
    ratio = np.log(np.where(there, p, 1.0) / np.where(there, q, 1.0))
    index = ((p - q) * ratio).sum(-1)
    n, m = counts.sum(-1), reference.sum(-1)
    chance = freedom * (1.0 / np.maximum(n, 1.0) + 1.0 / np.maximum(m, 1.0))
    return divergence_p(index, n, m, freedom, tolerance), np.asarray(index - chance)


class PSIDetector(HistogramDetector):
    """Prove that the population stability index is above what is tolerated.

    Args:
        reference: Values of the reference in each bin.
        tolerance: Index that is tolerated for ever.
        window: Values of a look.
        threshold: Looks between false alarms, at least.

    Example:
        >>> import random
        >>> rng = random.Random(5)
        >>> detector = PSIDetector([500, 300, 200], tolerance=0.1, window=200, threshold=1e4)
        >>> for index in range(8000):
        ...     weights = (5, 3, 2) if index < 4000 else (2, 3, 5)
        ...     detector.update(rng.choices((0, 1, 2), weights)[0])
        ...     if detector.drift_detected:
        ...         print(f"proved at {index}, index {detector.distance:.2f} beyond chance")
        ...         break
        proved at 4399, index 0.62 beyond chance

    References:
        Yurdakul. Statistical properties of population stability index. Western Michigan University, 2018.
    """

    kind = "psi"

    def test(self, counts: NDArray[np.int64]) -> tuple[float, float]:
        """Return (p-value, index beyond chance) of the counts of one look."""
        p, excess = psi(counts.astype(np.float64), self.reference, self.tolerance)
        return float(p), max(float(excess), 0.0)
