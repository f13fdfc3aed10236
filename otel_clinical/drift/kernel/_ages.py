"""How long labels take: the time from an inference to its outcome, counted in fixed bins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_SECOND: Final = 1_000_000  # microseconds
_HALF_OCTAVES: Final = 54  # from a second to more than four years
EDGES: Final = np.array([0, *(math.isqrt(_SECOND**2 << half) for half in range(_HALF_OCTAVES))], np.int64)
"""Upper edges of the bins, microseconds: 0, then from one second on each larger by the root of two.

They are made of whole numbers only, so that every machine has the same. The last bin has no upper edge.
"""

BINS: Final = len(EDGES) + 1

Counts = dict[int, int]
"""Labels by the number of their bin; only bins that hold some."""


def binned(ages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bin of each age in microseconds; an outcome before its inference is of age 0.

    >>> binned(np.array([-5, 0, 1, 1_000_000, 1_000_001])).tolist()
    [0, 0, 1, 1, 2]
    """
    return np.searchsorted(EDGES, ages, side="left").astype(np.int64)


def quantiles(parts: Iterable[Mapping[int, int]], shares: Iterable[float]) -> list[float] | None:
    """Return the age in seconds that each share of the labels does not exceed; None without labels.

    Within a bin the labels are taken to be spread evenly, so that a figure is off by less than half an octave.

    >>> quantiles([{1: 2}, {1: 2}], [0.5, 1.0])
    [0.5, 1.0]
    """
    total = np.zeros(BINS, np.int64)
    for part in parts:
        for number, count in part.items():
            total[number] += count
    reached = np.cumsum(total)
    if not reached[-1]:
        return None
    return [_at(total, reached, share) for share in shares]


def _at(total: NDArray[np.int64], reached: NDArray[np.int64], share: float) -> float:
    wanted = share * int(reached[-1])
    place = min(int(np.searchsorted(reached, wanted, side="left")), len(EDGES))
    if place in {0, len(EDGES)}:
        return int(EDGES[max(place - 1, 0)]) / _SECOND
    low, high = int(EDGES[place - 1]), int(EDGES[place])
    within = (wanted - int(reached[place] - total[place])) / int(total[place])
    return (low + (high - low) * within) / _SECOND
