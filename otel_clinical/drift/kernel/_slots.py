"""Records that wait for their slot to close: a set per slot, so order and repeats leave no trace."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack_any
from otel_clinical.drift.kernel._batch import RECORD, Kind, as_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

PENDING: Final = np.dtype([("effective", "<i8"), *((name, RECORD[name]) for name in RECORD.names or ())])
"""A record with the event time that decides its slot, microseconds."""

_KIND, _WRITTEN = "pending", (2, 1)
_BEFORE: Final = {1: np.dtype([(name, PENDING[name]) for name in (PENDING.names or ()) if name != "features"])}
"""Layout of a record in earlier versions of the codec."""
_VERSIONS: Final = 2**16  # words are numbered in two bytes


class Slots:
    """Waiting records by slot number.

    Args:
        width: Of a slot, microseconds.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._rows: dict[int, set[bytes]] = {}
        self._fresh: dict[int, list[bytes]] = defaultdict(list)
        self._chunks: dict[int, list[str]] = defaultdict(list)
        self._gone: list[str] = []
        self._outcomes: Counter[int] = Counter()

    @property
    def outcomes(self) -> dict[tuple[int, int], int]:
        """Outcomes that wait, by the numbers of model and version."""
        return {divmod(pair, _VERSIONS): count for pair, count in self._outcomes.items() if count}

    def add(self, rows: NDArray[np.void]) -> list[bytes]:
        """Keep `rows` of `PENDING` and return those that were not there yet."""
        size = PENDING.itemsize
        data = rows.tobytes()
        new = []
        for place, slot in enumerate((rows["effective"] // self.width).tolist()):
            row = data[place * size : (place + 1) * size]
            known = self._rows.setdefault(slot, set())
            if row not in known:
                known.add(row)
                self._fresh[slot].append(row)
                new.append(row)
        self._outcomes.update(_outcomes(new))
        return new

    def before(self, bound: int) -> list[int]:
        """Return the slots below `bound` that hold records, in order."""
        return sorted(slot for slot in self._rows if slot < bound)

    def take(self, slot: int) -> tuple[NDArray[np.void], int]:
        """Remove a slot; return its records by (effective time, event) and how many repeated an event.

        Of two different records with one event id the earlier wins, then the smaller bytes: the same one
        whatever the order of arrival.
        """
        raw = self._rows.pop(slot)
        self._fresh.pop(slot, None)
        self._gone += self._chunks.pop(slot, [])
        self._outcomes.subtract(_outcomes(raw))
        rows = np.frombuffer(b"".join(raw), PENDING)
        distinct = len(np.unique(rows["event"]))
        if distinct < len(rows):
            rows = np.frombuffer(b"".join(sorted(raw)), PENDING)
        rows = rows[np.lexsort((rows["event"], rows["effective"]))]
        if distinct < len(rows):
            _, first = np.unique(rows["event"], return_index=True)
            rows = rows[np.sort(first)]
        return rows, len(raw) - distinct

    def dump_dirty(self) -> dict[str, bytes]:
        """Return what changed: each slot grows by chunks, so that a dump costs what arrived since the last."""
        found = dict.fromkeys(self._gone, b"")
        for slot, rows in self._fresh.items():
            key = f"{slot}/{len(self._chunks[slot])}"
            self._chunks[slot].append(key)
            found[key] = pack(_KIND, _WRITTEN[0], {}, {"rows": np.frombuffer(b"".join(sorted(rows)), np.uint8)})
        self._fresh.clear()
        self._gone.clear()
        return found

    def load(self, key: str, rows: NDArray[np.void], *, moved: bool) -> None:
        """Take over the rows dumped under `key`; `moved` if words or slots mean something else now."""
        if moved:
            self._gone.append(key)
            self.add(rows)
            return
        slot = int(key.partition("/")[0])
        self._chunks[slot].append(key)
        loaded = list(split(rows))
        self._rows.setdefault(slot, set()).update(loaded)
        self._outcomes.update(_outcomes(loaded))


def _outcomes(raw: Iterable[bytes]) -> Counter[int]:
    """Count the outcomes among rows by model and version, in one number."""
    rows = np.frombuffer(b"".join(raw), PENDING)
    rows = rows[rows["kind"] == Kind.OUTCOME]
    pairs, counts = np.unique(rows["model"].astype(np.int64) * _VERSIONS + rows["version"], return_counts=True)
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
    raw: NDArray[Any] = arrays["rows"]
    return as_rows(raw, _BEFORE.get(version, PENDING), PENDING)
