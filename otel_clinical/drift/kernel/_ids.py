"""Sets of 64-bit ids as sorted arrays: eight or twelve bytes an id, and asked about many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Ids = NDArray[np.uint64]

Noted = TypeVar("Noted", bound=np.generic)

_MIXER: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_WORTH: Final = 4096  # ids from which a glance is faster than a search
_PER_ID: Final = 4  # marks for each id, at least: of others about a quarter, at most, must be searched for


class IdSet:
    """A set of ids in a few sorted runs, each more than twice as long as the next, so that adding stays cheap.

    Args:
        glance: Keep 4 to 16 bytes more an id, once there are many, to see at a glance that others are not in it.
    """

    def __init__(self, *, glance: bool = False) -> None:
        self._runs: list[Ids] = []
        self._glance = _Marks() if glance else None

    def __len__(self) -> int:
        """Return the number of ids, those counted twice that were added twice."""
        return sum(map(len, self._runs))

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say which of `ids` are in the set; fast if they are in order."""
        if self._glance is None or len(self) < _WORTH:
            return self._search(ids)
        found = np.zeros(len(ids), np.bool_)
        likely = self._glance.likely(ids, self._runs)
        if len(likely):
            found[likely] = self._search(ids.take(likely))
        return found

    def _search(self, ids: Ids) -> NDArray[np.bool_]:
        return _in_any(self._runs, ids)

    def add(self, ids: Ids) -> None:
        """Add ids that are not in the set."""
        if len(ids):
            self.add_sorted(np.sort(ids))

    def add_sorted(self, run: Ids) -> None:
        """Add ids that are not in the set, at least one, in order. The array is kept."""
        if self._glance is not None:
            self._glance.add(run)
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate((self._runs.pop(), run)), kind="stable")  # fast on two sorted runs
        self._runs.append(run)

    def sorted(self) -> Ids:
        """Return all ids in order."""
        return np.sort(np.concatenate(self._runs)) if self._runs else np.zeros(0, np.uint64)


def _in_any(runs: Iterable[Ids], ids: Ids) -> NDArray[np.bool_]:
    found = np.zeros(len(ids), np.bool_)
    for run in runs:
        found |= run[np.minimum(np.searchsorted(run, ids), len(run) - 1)] == ids
    return found


def add_run(runs: list[tuple[Ids, NDArray[Noted]]], ids: Ids, noted: NDArray[Noted]) -> None:
    """Add ids, in any order, with what is noted of each, to sorted runs of such pairs as those of `IdSet`.

    Of equal ids the older come first.
    """
    order = np.argsort(ids, kind="stable")
    ids, noted = ids[order], noted[order]
    while runs and len(runs[-1][0]) <= 2 * len(ids):
        before, its = runs.pop()
        ids, noted = np.concatenate((before, ids)), np.concatenate((its, noted))
        order = np.argsort(ids, kind="stable")  # fast on two sorted runs
        ids, noted = ids[order], noted[order]
    runs.append((ids, noted))


class DatedIds:
    """A set of ids that each came in some hour, in runs as those of `IdSet`: twelve bytes an id."""

    def __init__(self) -> None:
        self._runs: list[tuple[Ids, NDArray[np.uint32]]] = []

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Say which of `ids` are in the set; fast if they are in order."""
        return _in_any((run for run, _ in self._runs), ids)

    def add(self, ids: Ids, hour: int) -> None:
        """Add ids that are not in the set, at least one."""
        add_run(self._runs, ids, np.full(len(ids), hour, np.uint32))

    def forget(self, before: int) -> None:
        """Take out what came before an hour."""
        kept = ((run[hours >= before], hours[hours >= before]) for run, hours in self._runs)
        self._runs = [run for run in kept if len(run[0])]


class _Marks:
    """One byte for every few ids that could be: set if one of them may be in a set, 0 if none is."""

    def __init__(self) -> None:
        self._marks = np.zeros(0, np.uint8)
        self._shift = np.uint64(0)
        self._count = 0

    def add(self, ids: Ids) -> None:
        """Mark ids of the set, if there are marks yet."""
        self._count += len(ids)
        if len(self._marks):
            self._marks[self._places(ids)] = 1

    def likely(self, ids: Ids, runs: list[Ids]) -> NDArray[np.intp]:
        """Return which of `ids` may be in the set of `runs`."""
        if len(self._marks) < _PER_ID * self._count:
            self._count = sum(map(len, runs))
            bits = (2 * _PER_ID * self._count - 1).bit_length()
            self._shift = np.uint64(64 - bits)
            self._marks = np.zeros(2**bits, np.uint8)
            for run in runs:
                self._marks[self._places(run)] = 1
        return np.flatnonzero(self._marks.take(self._places(ids)))

    def _places(self, ids: Ids) -> NDArray[np.intp]:
        return np.asarray((ids * _MIXER) >> self._shift, np.intp)
