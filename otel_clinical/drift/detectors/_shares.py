"""One-vs-rest e-detectors: has the share of a category left the band around its reference?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.detectors._histogram import HistogramDetector
from otel_clinical.drift.detectors._looks import SLACK, next_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEPS: Final = (0.05, 0.15)
"""How far past the band a share is to be found fast."""
BETS: Final = 2 * len(STEPS)
"""Bets per category: every step, upwards and downwards."""
_SIGMA: Final = 2.33  # the reference is taken at its bounds of 99 %
_EDGE: Final = 1e-3


def share_bets(shares: Floats, n: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Return (..., BETS) log likelihood ratios of one value of the category, and of one of the rest.

    Args:
        shares: (...) share of the category in the reference.
        n: (...) values of the reference.
        tolerance: Width of the band on either side.
    """
    band = tolerance + _SIGMA * np.sqrt(shares * (1.0 - shares) / np.maximum(n, 1.0))
    high, low = (np.clip(shares + way * band, _EDGE, 1.0 - _EDGE) for way in (1, -1))
    pairs = [(high, np.minimum(high + step, 1.0 - _EDGE / 2)) for step in STEPS]
    pairs += [(low, np.maximum(low - step, _EDGE / 2)) for step in STEPS]
    # Where the band reaches the end of the scale, no share in that direction is out of it: nothing is bet.
    beyond = [shares + band < 1.0 - _EDGE] * len(STEPS) + [shares - band > _EDGE] * len(STEPS)
    hits = [np.where(b, np.log(there / here), 0.0) for b, (here, there) in zip(beyond, pairs, strict=True)]
    misses = [
        np.where(b, np.log((1 - there) / (1 - here)), 0.0) for b, (here, there) in zip(beyond, pairs, strict=True)
    ]
    return np.stack(hits, axis=-1), np.stack(misses, axis=-1)


def share_growth(counts: Floats, total: Floats, bets: tuple[Floats, Floats]) -> Floats:
    """Return the logarithm by which each bet grows on `counts` of `total` values, each (...)."""
    hits, misses = bets
    return np.asarray(counts[..., None] * hits + (total - counts)[..., None] * misses)


class ShareDetector(HistogramDetector):
    """Prove that the share of one category or of several left the band of `tolerance` around the reference.

    Every value is bet on, so a category that is new is found fast; `test` is not used. The evidence is the mean over
    all categories, both directions and two steps.

    Args:
        reference: Values of the reference in each category.
        tolerance: Width of the band on either side of each share.
        window: Values of a look.
        threshold: Looks between false alarms, at least.

    Example:
        >>> import random
        >>> rng = random.Random(5)
        >>> detector = ShareDetector([600, 380, 20], tolerance=0.02, window=50, threshold=1e6)
        >>> for index in range(8000):
        ...     weights = (60, 38, 2) if index < 4000 else (50, 38, 12)
        ...     detector.update(rng.choices((0, 1, 2), weights)[0])
        ...     if detector.drift_detected:
        ...         print(f"proved at {index}, most moved: category {detector.moved}")
        ...         break
        proved at 4299, most moved: category 2

    References:
        Shin, Ramdas and Rinaldo. E-detectors: a nonparametric framework for sequential change detection.
        The New England Journal of Statistics in Data Science, 2(2), 2023.
    """

    kind = "shares"

    def __init__(
        self, reference: Sequence[float] = (1.0, 1.0), tolerance: float = 0.05, window: int = 50, threshold: float = 1e6
    ) -> None:
        super().__init__(reference, tolerance, window, threshold)
        total = self.reference.sum()
        self._bets = share_bets(self.reference / total, np.full(len(self.reference), total), tolerance)
        self._cells = np.full(self._bets[0].shape, -np.inf)

    @property
    def moved(self) -> int:
        """Category with the most evidence."""
        return int(np.logaddexp.reduce(self._cells, axis=-1).argmax())

    def look(self, counts: NDArray[np.int64]) -> None:
        """Bet on the counts of one look."""
        ceiling = math.log(self.threshold * self._cells.size) + SLACK
        growth = share_growth(counts.astype(np.float64), np.array(float(counts.sum())), self._bets)
        self._cells = next_log(self._cells, growth, ceiling)
        self._log_s = float(np.logaddexp.reduce(self._cells, axis=None)) - math.log(self._cells.size)
        self._drift_detected = self._log_s >= math.log(self.threshold)
        p = counts / max(int(counts.sum()), 1)
        self.distance = float(np.abs(p - self.reference / self.reference.sum()).max())

    def _arrays(self) -> dict[str, NDArray[np.float64]]:
        return {"cells": self._cells}

    def _restore(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        self._cells = arrays["cells"]

    def test(self, counts: NDArray[np.int64]) -> tuple[float, float]:
        """Return no p-value: shares are bet on directly."""
        raise NotImplementedError(f"{len(counts)} categories are bet on one by one; call look")
