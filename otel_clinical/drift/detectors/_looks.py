"""Repeated looks at one question: p-values become bets, and bets add up to evidence that holds at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

SMALLEST_P: Final = 1e-12
"""Smaller p-values are not told apart: no approximation is that good."""
SLACK: Final = 5.0
"""Natural logarithm by which evidence may exceed proof, so that it falls soon after a shift has ended."""


def log_bet(p: ArrayLike) -> Floats:
    """Return the logarithm of the bet on a p-value, elementwise.

    The mixture over k of k * p^(k-1): on average at most 1 while the p-value is valid, large when it is small.

    >>> [float(value.round(2)) for value in log_bet([1.0, 0.5, 1e-6])]
    [-0.69, -0.45, 8.56]

    References:
        Vovk and Wang. E-values: calibration, combination and applications. The Annals of Statistics, 49(3), 2021.
    """
    known = np.clip(np.asarray(p, np.float64), SMALLEST_P, 1.0)
    logs = np.log(known)
    small = known < _NEAR_ONE
    safe = np.where(small, logs, np.log(0.5))
    exact = np.where(small, known, 0.5)
    bets = (1.0 - exact + exact * safe) / (exact * safe**2)
    return np.asarray(np.where(small, np.log(bets), np.log(0.5) + (1.0 - known) / 3.0))


_NEAR_ONE: Final = 0.999  # above it the closed form loses every digit; the series is exact to 1e-6


def next_log(log_s: Floats, growth: Floats, ceiling: ArrayLike) -> Floats:
    """Return the logarithms of S after one look: S = (S + 1) * bet, at most `ceiling`."""
    return np.minimum(np.logaddexp(log_s, 0.0) + growth, ceiling)
