"""What input features are like at the same hours of the week, where the baseline holds enough of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.features import MISSING_PLACE, UNREADABLE_PLACE
from otel_clinical.policy import HOUR_ENOUGH, HOURS, hour_of_week

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from otel_clinical.policy import FeatureReference

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PLACES: Final = MISSING_PLACE + 1
"""Columns of a count: the bins, and the places of values that are in none."""
_NONE: Final = -1


def placed(counts: Sequence[int]) -> Ints:
    """Return frozen counts, which end with unreadable and missing, by place."""
    found = np.zeros(PLACES, np.int64)
    bins = len(counts) - 2
    found[:bins] = counts[:bins]
    found[UNREADABLE_PLACE], found[MISSING_PLACE] = counts[bins:]
    return found


class HourReference:
    """The reference of each hour of the week of one segment value.

    An hour that the baseline has too little of is compared with the whole week.

    Args:
        frozen: Of each feature f; None where the baseline lacks it.
        key: Name and value of the segment.
        whole: (f, PLACES) inferences of the whole week.

    Attributes:
        digest: Of all of it.
    """

    def __init__(self, frozen: Sequence[FeatureReference | None], key: tuple[str, str], whole: Floats) -> None:
        self._blocks = [whole]
        self._which = np.full((HOURS, len(frozen)), _NONE)
        for place, reference in enumerate(frozen):
            blocks = () if reference is None else reference.hours.get(key, ())
            for block in blocks:
                if sum(block.counts[:-2]) >= HOUR_ENOUGH:
                    self._which[list(block.hours), place] = sum(map(len, self._blocks)) - len(whole)
                    self._blocks.append(placed(block.counts)[None].astype(np.float64))
        self._whole = len(whole)
        self._table = np.concatenate(self._blocks)
        self._blocks.clear()
        self.digest = hashlib.blake2b(self._which.tobytes() + self._table.tobytes(), digest_size=16).digest()

    def at(self, begin: int) -> Floats:
        """Return the (f, PLACES) inferences of the reference for a slot that begins at `begin`, microseconds."""
        which = self._which[hour_of_week(begin / 1e6)]
        return np.asarray(self._table[np.where(which == _NONE, np.arange(self._whole), which + self._whole)])


class Expected:
    """Where the inferences since the last look would lie if nothing had moved.

    Attributes:
        sums: (f, PLACES) expected inferences.
        sizes: (f,) inferences of the smallest reference among them: the mixture is known no worse than that.
    """

    def __init__(self, hours: HourReference) -> None:
        self._hours = hours
        self.sums: Floats
        self.sizes: Floats
        self._begin()

    def add(self, counts: Ints, begin: int) -> None:
        """Expect one slot's inferences, of which there are (f, PLACES) `counts`."""
        reference, n = self._hours.at(begin), counts.sum(axis=1)
        sizes = reference.sum(axis=1)
        self.sums += reference * (n / np.maximum(sizes, 1.0))[:, None]
        self.sizes = np.where(n > 0, np.minimum(self.sizes, sizes), self.sizes)

    def take(self) -> tuple[Floats, Floats]:
        """Return (f, PLACES) shares and (f,) sizes, and begin anew."""
        totals = self.sums.sum(axis=1, keepdims=True)
        shares = self.sums / np.where(totals > 0, totals, 1.0)
        sizes = np.where(np.isfinite(self.sizes), self.sizes, 0.0)
        self._begin()
        return shares, sizes

    def _begin(self) -> None:
        shape = self._hours.at(0).shape
        self.sums = np.zeros((shape[0], PLACES))
        self.sizes = np.full(shape[0], np.inf)
