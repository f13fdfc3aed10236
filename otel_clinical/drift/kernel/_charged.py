"""What each inference was charged with, so that an outcome that is amended later corrects it exactly once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode._batch import ABSENT
from otel_clinical.drift.explode._truth import UNCOUNTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

CHARGED: Final = "charged"
"""First part of the keys of saved states."""
_HOUR: Final = 3_600_000_000  # microseconds, fewer than 32 bits hold
_CHUNK: Final = 4096
_JUDGED, _COUNTED, _SURE = (np.uint64(1 << bit) for bit in (53, 54, 55))
_SUBJECT: Final = np.uint64(0xFF << 56)
_LASTING: Final = _JUDGED | _SURE | _SUBJECT
_MULTIPLIER: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_SCORE: Final = np.uint64((1 << 21) - 1)
_OFFSET: Final = np.uint64((1 << 32) - 1)
_SHIFT: Final = np.uint64(32)
_KIND, _VERSION = "charged", 1


@dataclass(frozen=True, eq=False)
class Amendments:
    """Outcomes that say something else than what their inference was charged with, one per inference.

    Attributes:
        rows: (n,) of `PENDING`, what they say now.
        was: (n,) score charged before, millionths.
        was_counted: (n,) whether the metric counted it before.
        judged: (n,) whether it is the outcome of its encounter that counts; of the others only the charge is kept.
        sure: (n,) whether a confidence was held against the score.
        charged: (n,) effective time of the charge, microseconds.
    """

    rows: NDArray[np.void]
    was: Ints
    was_counted: Flags
    judged: Flags
    sure: Flags
    charged: Ints

    def __len__(self) -> int:
        """Return the number of amendments."""
        return len(self.rows)

    def where(self, chosen: Flags) -> Amendments:
        """Return the chosen ones, in order."""
        return Amendments(
            self.rows[chosen],
            self.was[chosen],
            self.was_counted[chosen],
            self.judged[chosen],
            self.sure[chosen],
            self.charged[chosen],
        )

    @property
    def counted(self) -> Flags:
        """Whether the metric counts it now."""
        return np.asarray(self.rows["mark"] & UNCOUNTED == 0)


class Charged:
    """Scores of charged inferences, in chunks by the hour of the charge.

    Chunks are cut by what closed slots held and by nothing else, so that the same records give the same bytes. An
    outcome amends a charge only if it says the same of model, version, activation and segments: the inference is the
    same, and so is its receipt.

    Args:
        words: Every word by its number.
        most: Charged outcomes that can be amended, about: the oldest go by the chunk.
    """

    def __init__(self, words: Sequence[str], most: int) -> None:
        self._most = most
        # By the word, not its number: another policy numbers the words anew.
        self._marks = np.array([_mark(word) for word in words], np.uint64)
        self._chunks: dict[tuple[int, int], _Chunk] = {}
        self._newest: dict[int, int] = {}
        self._size = 0
        self._dirty: set[tuple[int, int]] = set()

    def add(self, rows: NDArray[np.void], judged: Flags) -> None:
        """Remember one slot's outcomes that were charged; `judged` says which of them counted for the streams."""
        if not len(rows):
            return
        hours = rows["effective"] // _HOUR
        for hour in np.unique(hours).tolist():
            chosen = hours == hour
            self._append(hour, self._packed(rows[chosen], judged[chosen], hour))
        while self._size > self._most:
            self._drop(min(self._chunks))

    def changes(self, rows: NDArray[np.void]) -> Flags:
        """Say which outcomes amend a charge: they say something else, and were recorded later."""
        return self._found(rows)[0]

    def amend(self, rows: NDArray[np.void]) -> Amendments:
        """Take over what outcomes of charged inferences say, one per inference; return those that change something."""
        amending, places = self._found(rows)
        kept = np.flatnonzero(amending)
        before = np.zeros((len(kept), 2), np.uint64)
        charged = np.zeros(len(kept), np.int64)
        for at, row in enumerate(kept.tolist()):
            key, place = places[row]
            chunk = self._chunks[key]
            before[at] = chunk.rows[place, 1], chunk.rows[place, 2]
            charged[at] = key[0] * _HOUR + int(before[at, 0] & _OFFSET)
            new = _words(rows[row : row + 1], charged[at : at + 1] - key[0] * _HOUR)
            chunk.rows[place, 1] = new[0] | (before[at, 0] & _LASTING)
            chunk.rows[place, 2] = rows["time"][row]
            self._dirty.add(key)
        words = before[:, 0]
        return Amendments(
            rows[kept],
            ((words >> _SHIFT) & _SCORE).astype(np.int64),
            (words & _COUNTED) != 0,
            (words & _JUDGED) != 0,
            (words & _SURE) != 0,
            charged,
        )

    def forget(self, before: int) -> None:
        """Forget whole hours before event time `before` (microseconds)."""
        for key in [key for key in self._chunks if (key[0] + 1) * _HOUR <= before]:
            self._drop(key)

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the chunks that changed, by parts of their key; an empty one is gone."""
        found: dict[tuple[str, ...], bytes] = {}
        for hour, number in self._dirty:
            chunk = self._chunks.get((hour, number))
            data = b"" if chunk is None else pack(_KIND, _VERSION, {}, {"rows": chunk.sorted()})
            found[CHARGED, str(hour), str(number)] = data
        self._dirty.clear()
        return found

    def load(self, key: tuple[str, ...], data: bytes) -> None:
        """Take over a chunk.

        Raises:
            CodecError: `data` is damaged.
        """
        _, arrays = unpack(data, _KIND, _VERSION)
        rows = arrays["rows"].reshape(-1, 3)
        hour, number = int(key[1]), int(key[2])
        self._chunks[hour, number] = _Chunk(rows)
        self._newest[hour] = max(number, self._newest.get(hour, 0))
        self._size += len(rows)

    def _append(self, hour: int, rows: Words) -> None:
        number = self._newest.setdefault(hour, 0)
        chunk = self._chunks.get((hour, number))
        if chunk is not None and len(chunk) >= _CHUNK:
            chunk, number = None, number + 1
            self._newest[hour] = number
        if chunk is None:
            chunk = self._chunks[hour, number] = _Chunk(np.zeros((0, 3), np.uint64))
        chunk.add(rows)
        self._size += len(rows)
        self._dirty.add((hour, number))

    def _drop(self, key: tuple[int, int]) -> None:
        self._size -= len(self._chunks.pop(key))
        if key[1] == self._newest[key[0]]:
            del self._newest[key[0]]
        self._dirty.add(key)

    def _found(self, rows: NDArray[np.void]) -> tuple[Flags, dict[int, tuple[tuple[int, int], int]]]:
        """Return which rows amend, and by row number where the charge of each of these is."""
        amending = np.zeros(len(rows), np.bool_)
        places: dict[int, tuple[tuple[int, int], int]] = {}
        left, subjects = np.flatnonzero(rows["score"] != ABSENT), self._subjects(rows)
        for key in sorted(self._chunks, reverse=True):
            if not len(left):
                break
            ids = self._chunks[key].sorted()
            at = np.minimum(np.searchsorted(ids[:, 0], rows["inference"][left]), len(ids) - 1)
            here = ids[at, 0] == rows["inference"][left]
            for row, place in zip(left[here].tolist(), at[here].tolist(), strict=True):
                if ids[place, 1] & _SUBJECT == subjects[row] and _differs(rows[row], ids[place]):
                    amending[row] = True
                    places[row] = key, place
            left = left[~here]
        return amending, places

    def _packed(self, rows: NDArray[np.void], judged: Flags, hour: int) -> Words:
        words = _words(rows, rows["effective"] - hour * _HOUR) | self._subjects(rows)
        words |= np.where(judged, _JUDGED, np.uint64(0))
        words |= np.where(rows["confidence"] != ABSENT, _SURE, np.uint64(0))
        return np.stack((rows["inference"], words, rows["time"].astype(np.uint64)), axis=1)

    def _subjects(self, rows: NDArray[np.void]) -> Words:
        """(n,) eight bits that stand for model, version, activation and segments."""
        found = self._marks[rows["model"]] + (self._marks[rows["version"]] ^ rows["activation"].astype(np.uint64))
        for place, words in enumerate(rows["segments"].T):
            found = found * _MULTIPLIER + self._marks[words] + np.uint64(place)
        return np.asarray(found * _MULTIPLIER & _SUBJECT)


class _Chunk:
    """(n, 3) charges: inference, packed word, time at which the outcome was recorded in microseconds."""

    def __init__(self, rows: Words) -> None:
        self.rows = rows
        self._fresh: list[Words] = []

    def __len__(self) -> int:
        return len(self.rows) + sum(map(len, self._fresh))

    def add(self, rows: Words) -> None:
        self._fresh.append(rows)

    def sorted(self) -> Words:
        """Return the charges by inference."""
        if self._fresh:
            every = np.concatenate((self.rows, *self._fresh))
            self.rows, self._fresh = every[np.argsort(every[:, 0])], []
        return self.rows


def _mark(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8, person=b"charged").digest(), "little")


def _words(rows: NDArray[np.void], offsets: Ints) -> Words:
    words = rows["score"].astype(np.uint64) << _SHIFT | offsets.astype(np.uint64)
    counted = np.where(rows["mark"] & UNCOUNTED == 0, _COUNTED, np.uint64(0))
    return np.asarray(words | counted)


def _differs(row: Any, charge: Words) -> bool:
    """Say whether an outcome amends a charge: what is not newer than what holds is no amendment of it."""
    counted = row["mark"] & UNCOUNTED == 0
    same = (charge[1] >> _SHIFT) & _SCORE == row["score"] and bool(charge[1] & _COUNTED) == counted
    return not same and int(row["time"]) > int(charge[2])
