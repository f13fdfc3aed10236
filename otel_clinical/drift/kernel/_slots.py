"""Records that wait for their slot to close: a set per slot, so order and repeats leave no trace."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack_any
from otel_clinical.drift.explode._batch import PLAIN, RECORD, Kind, as_rows, layouts
from otel_clinical.drift.explode._squeezed import spread, squeeze
from otel_clinical.drift.kernel._ids import IdSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

PENDING: Final = np.dtype([("effective", "<i8"), *((name, RECORD[name]) for name in RECORD.names or ())])
"""A record with the event time that decides its slot, microseconds."""

_BEHIND: Final = np.dtype(
    {"names": ["row"], "formats": [f"V{RECORD.itemsize}"], "offsets": [8], "itemsize": PENDING.itemsize}
)
"""`PENDING` as a record behind its time."""

_WHOLE: Final = np.dtype(f"V{PENDING.itemsize}")
_KIND, _WRITTEN = "pending", (4, 3, 2, 1)
_BEFORE: Final = layouts(PENDING)
_VERSIONS: Final = 2**16  # words are numbered in two bytes


class Slots:
    """Waiting records by slot number.

    Args:
        width: Of a slot, microseconds.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._slots: dict[int, _Slot] = {}
        self._first: list[int] = []  # a heap of their numbers, some of them taken already
        self._fresh: set[int] = set()  # those with records that are not saved
        self._gone: list[str] = []
        self._outcomes: Counter[int] = Counter()

    @property
    def outcomes(self) -> dict[tuple[int, int], int]:
        """Outcomes that wait, by the numbers of model and version."""
        return {divmod(pair, _VERSIONS): count for pair, count in self._outcomes.items() if count}

    def add(self, rows: NDArray[np.void]) -> NDArray[np.void]:
        """Keep `rows` of `PENDING` and return those that were not there yet."""
        if not len(rows):
            return rows
        numbers = rows["effective"] // self.width
        if (numbers == numbers[0]).all():  # mostly: what arrives together happened at about the same time
            added = self._add(int(numbers[0]), rows)
        else:
            slots = ((one, rows.take(np.flatnonzero(numbers == one))) for one in np.unique(numbers).tolist())
            added = np.concatenate([self._add(one, part) for one, part in slots])
        self._outcomes.update(_outcomes(added))
        return added

    def before(self, bound: int) -> list[int]:
        """Return the slots below `bound` that hold records, in order."""
        while self._first and self._first[0] not in self._slots:
            heapq.heappop(self._first)
        if not self._first or self._first[0] >= bound:
            return []  # nearly always, and there may be a month of slots
        return sorted(slot for slot in self._slots if slot < bound)

    def take(self, slot: int) -> tuple[NDArray[np.void], int]:
        """Remove a slot; return its records in order and how many repeated an event.

        The order is that of effective times, then of inferences: a backlog takes effect all at once, and when in it a
        change began is told by the inferences alone. The event settles the rest.

        Of two different records with one event id the earlier wins, then the smaller bytes: the same one
        whatever the order of arrival.
        """
        taken = self._slots.pop(slot)
        self._fresh.discard(slot)
        self._gone += taken.keys
        rows = taken.rows()
        self._outcomes.subtract(_outcomes(rows))
        if not taken.repeats:
            return rows.take(_in_order_once(rows)), 0
        every = len(rows)
        rows = _by_bytes(rows)
        rows = rows.take(_in_order(rows))
        _, first = np.unique(rows["event"], return_index=True)
        return rows.take(np.sort(first)), every - len(first)

    def dump_dirty(self) -> dict[str, bytes]:
        """Return what changed: each slot grows by chunks, so that a dump costs what arrived since the last."""
        found = dict.fromkeys(self._gone, b"")
        for number in self._fresh:
            slot = self._slots[number]
            key = f"{number}/{len(slot.keys)}"
            found[key] = pack(_KIND, _WRITTEN[0], {}, squeeze(slot.save(key)))
        self._fresh.clear()
        self._gone.clear()
        return found

    def load(self, key: str, rows: NDArray[np.void], *, moved: bool) -> None:
        """Take over the rows dumped under `key`; `moved` if words or slots mean something else now."""
        if moved:
            self._gone.append(key)
            self.add(rows)
            return
        slot = self._slot(int(key.partition("/")[0]))
        slot.add(rows)
        slot.save(key)
        self._outcomes.update(_outcomes(rows))

    def _add(self, number: int, rows: NDArray[np.void]) -> NDArray[np.void]:
        new = self._slot(number).add(rows)
        if len(new):
            self._fresh.add(number)
        return new

    def _slot(self, number: int) -> _Slot:
        if number not in self._slots:
            self._slots[number] = _Slot()
            heapq.heappush(self._first, number)
        return self._slots[number]


class _Slot:
    """Records of one slot.

    Attributes:
        keys: Under which they are saved.
        fresh: Those that are not saved yet.
        repeats: Whether an event is in it more than once.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.fresh: list[NDArray[np.void]] = []
        self.repeats = False
        self._saved: list[NDArray[np.void]] = []
        self._events = IdSet(glance=True)

    def rows(self) -> NDArray[np.void]:
        """Return all records, in any order."""
        return _joined((*self._saved, *self.fresh))

    def add(self, rows: NDArray[np.void]) -> NDArray[np.void]:
        """Keep records and return those that are new.

        A record is known if all its bytes are. Nearly always a look at the events is enough to see that it is not.
        """
        events = np.ascontiguousarray(rows["event"])
        order = np.argsort(events)
        events = events.take(order)
        found = self._events.holds(events)
        found[1:] |= events[1:] == events[:-1]
        if found.any():
            again = np.zeros(len(rows), np.bool_)
            again[order[found]] = True
            again[again] = self._known(rows, again)
            rows = rows[~again]
            events = np.sort(rows["event"])
            self.repeats |= bool((events[1:] == events[:-1]).any() or self._events.holds(events).any())
        if len(rows):
            self.fresh.append(rows)
            self._events.add_sorted(events)
        return rows

    def save(self, key: str) -> NDArray[np.void]:
        """Call everything saved under `key`; return what was not before, in an order that depends on nothing else."""
        self.keys.append(key)
        rows = _joined(self.fresh) if self.fresh else np.zeros(0, PENDING)
        rows = _by_bytes(rows) if self.repeats else rows.take(np.argsort(np.ascontiguousarray(rows["event"])))
        self._saved.append(rows)
        self.fresh = []
        return rows

    def _known(self, rows: NDArray[np.void], again: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say which records `again`, of events that are there or earlier in `rows`, are there byte by byte."""
        events = np.unique(rows["event"][again])
        there = (chunk[np.isin(chunk["event"], events)] for chunk in (*self._saved, *self.fresh, rows[~again]))
        seen = {row for chunk in there for row in split(chunk)}
        known = []
        for row in split(rows[again]):
            known.append(row in seen)
            seen.add(row)
        return np.array(known, np.bool_)


def pending(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return records of `RECORD` as `PENDING`, their effective time still to be said."""
    made = np.empty(len(rows), PENDING)
    made.view(_BEHIND)["row"] = rows.view(f"V{RECORD.itemsize}")
    return made


def _in_order(rows: NDArray[np.void]) -> NDArray[np.intp]:
    return np.lexsort((rows["event"], rows["inferred"], rows["effective"]))


def _in_order_once(rows: NDArray[np.void]) -> NDArray[np.intp]:
    """Do what `_in_order` does with rows of different events: few of them take effect in the same microsecond."""
    effective = np.ascontiguousarray(rows["effective"])
    order = np.argsort(effective)
    effective = effective[order]
    alike = np.zeros(len(rows) + 1, np.bool_)
    alike[1:-1] = effective[1:] == effective[:-1]
    tied = np.flatnonzero(alike[1:] | alike[:-1])
    if len(tied):
        among = order[tied]
        order[tied] = among[_in_order(rows.take(among))]
    return order


def _joined(parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Return rows one after another, copied as bytes: NumPy would first look for a common type, column by column."""
    made = np.empty(sum(map(len, parts)), PENDING)
    np.concatenate([part.view(_WHOLE) for part in parts], out=made.view(_WHOLE))
    return made


def _by_bytes(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return the rows in the order of their bytes."""
    return np.frombuffer(b"".join(sorted(split(rows))), PENDING)


def _outcomes(rows: NDArray[np.void]) -> Counter[int]:
    """Count the outcomes among rows by model and version, in one number."""
    outcome = rows["kind"] == Kind.OUTCOME
    if not outcome.any():
        return Counter()
    models, versions = rows["model"][outcome], rows["version"][outcome]
    pairs, counts = np.unique(models.astype(np.int64) * _VERSIONS + versions, return_counts=True)
    return Counter(dict(zip(pairs.tolist(), counts.tolist(), strict=True)))


def split(rows: NDArray[np.void]) -> Iterable[bytes]:
    """Return the bytes of each row."""
    size, data = PENDING.itemsize, rows.tobytes()
    return (data[start : start + size] for start in range(0, len(data), size))


def unpack_rows(data: bytes) -> NDArray[np.void]:
    """Return the rows that `Slots.dump_dirty` wrote.

    Raises:
        CodecError: `data` is damaged.
    """
    version, _, arrays = unpack_any(data, _KIND, _WRITTEN)
    raw: NDArray[Any] = arrays["rows"] if version in PLAIN else spread(arrays, PENDING)
    return as_rows(raw, _BEFORE.get(version, PENDING), PENDING)
