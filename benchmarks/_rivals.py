"""What else a hospital could have put in our place: rolling windows, River's detectors, the CUSUM that knows the drop.

Each function takes the errors of one stream, 1 = wrong, of which the first `before` come before the drop, and returns
how many labels after the drop it fires first; infinity when it does not, and 0 when it fired before.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from river import drift
from scipy.linalg import solve_banded

from otel_clinical.backtest._rivals import adwin, first_after, river_says, window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Errors = NDArray[np.float64]

__all__ = ["adwin", "cusum", "cusum_threshold", "ddm", "window"]

_GRID = 600


def ddm(errors: Errors, before: int) -> float:
    """Fire when River's DDM, as it comes, says that the errors changed."""
    return river_says(drift.binary.DDM, errors.astype(bool), before)


def cusum(errors: Errors, before: int, *, ordinary: float, worse: float, threshold: float) -> float:
    """Fire when the CUSUM of the likelihood ratio `worse` against `ordinary` reaches `threshold`."""
    up, down = _steps(ordinary, worse)
    total = np.cumsum(np.where(errors > 0, up, down))
    return first_after(np.flatnonzero(total - np.minimum.accumulate(np.minimum(total, 0.0)) >= threshold) + 1, before)


@cache
def cusum_threshold(ordinary: float, worse: float, labels: float) -> float:
    """Return the threshold at which the CUSUM is wrong once in `labels` labels on average at `ordinary` errors."""
    low, high = 0.5, 25.0
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (middle, high) if _run_length(ordinary, worse, middle) < labels else (low, middle)
    return high


def _run_length(ordinary: float, worse: float, threshold: float) -> float:
    """Return the average labels until the CUSUM fires at `ordinary` errors.

    Solved as a Markov chain on a grid; a value between two points goes to both, so that the mean is kept.
    """
    up, down = _steps(ordinary, worse)
    width = threshold / _GRID
    above, below = math.ceil(up / width) + 1, math.ceil(-down / width) + 1
    system = np.zeros((above + below + 1, _GRID + 1))  # by diagonals: a step goes a few places up or down
    system[above] = 1.0
    for place in range(_GRID + 1):
        for step, chance in ((up, ordinary), (down, 1.0 - ordinary)):
            value = max(place * width + step, 0.0)
            if value < threshold:
                lower, share = divmod(value / width, 1.0)
                for column, part in ((int(lower), 1.0 - share), (min(int(lower) + 1, _GRID), share)):
                    system[above + place - column, column] -= chance * part
    return float(solve_banded((below, above), system, np.ones(_GRID + 1))[0])


def _steps(ordinary: float, worse: float) -> tuple[float, float]:
    return math.log(worse / ordinary), math.log((1.0 - worse) / (1.0 - ordinary))
