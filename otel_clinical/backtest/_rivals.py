"""What a hospital could have put in our place: a rolling window, or River's ADWIN as it comes.

Each function takes the errors of one stream, 1 = wrong, of which the first `before` come before the drop, and returns
how many labels after the drop it fires first; infinity when it does not, and 0 when it fired before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from river import drift

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Errors = NDArray[np.float64]


def window(errors: Errors, before: int, *, size: int, limit: float) -> float:
    """Fire when the share of errors among the last `size` labels reaches `limit`."""
    sums = np.concatenate(([0.0], np.cumsum(errors)))
    shares = (sums[size:] - sums[:-size]) / size
    return first_after(np.flatnonzero(shares >= limit) + size, before)


def adwin(errors: Errors, before: int) -> float:
    """Fire when River's ADWIN, as it comes, says that the errors changed."""
    return river_says(drift.ADWIN, errors, before)


def river_says(make: Callable[[], Any], errors: Errors, before: int) -> float:
    """Fire when a detector of River says that the errors changed."""
    detector = make()
    for place, error in enumerate(errors.tolist(), 1):
        detector.update(error)
        if detector.drift_detected:
            return float(max(place - before, 0))
    return math.inf


def first_after(places: NDArray[np.int64], before: int) -> float:
    """Return the first of the places, counted from 1, less `before`; 0 when it lies before that."""
    return float(max(places[0] - before, 0)) if len(places) else math.inf
