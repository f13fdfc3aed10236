"""Sets of 64-bit ids as sorted arrays: eight bytes an id, and asked about many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.uint64]


class IdSet:
    """A set of ids in a few sorted runs, each more than twice as long as the next, so that adding stays cheap."""

    def __init__(self) -> None:
        self._runs: list[Ids] = []

    def __len__(self) -> int:
        """Return the number of ids, those counted twice that were added twice."""
        return sum(map(len, self._runs))

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say which of `ids` are in the set; fast if they are in order."""
        found = np.zeros(len(ids), np.bool_)
        for run in self._runs:
            found |= run[np.minimum(np.searchsorted(run, ids), len(run) - 1)] == ids
        return found

    def add(self, ids: Ids) -> None:
        """Add ids that are not in the set."""
        if len(ids):
            self.add_sorted(np.sort(ids))

    def add_sorted(self, run: Ids) -> None:
        """Add ids that are not in the set, at least one, in order. The array is kept."""
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate((self._runs.pop(), run)), kind="stable")  # fast on two sorted runs
        self._runs.append(run)

    def remove(self, ids: IdSet) -> None:
        """Take ids out of the set."""
        kept = (run[~ids.holds(run)] for run in self._runs)
        self._runs = [run for run in kept if len(run)]

    def sorted(self) -> Ids:
        """Return all ids in order."""
        return np.sort(np.concatenate(self._runs)) if self._runs else np.zeros(0, np.uint64)
