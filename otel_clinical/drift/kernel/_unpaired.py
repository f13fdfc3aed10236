"""Scores that wait for the score of another version on the same case: sixteen bytes each, found by their case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack_any
from otel_clinical.drift.kernel._ids import add_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Key = tuple[int, int]

Arm = tuple[str, int]
"""(version, activation)."""

WAITING: Final = "unpaired"
"""First part of the keys of saved states."""
_CHUNK: Final = 8192  # scores after which an hour goes on under another key: 128 KiB
_VERSIONS: Final = 2, 1
_SCORE_BITS, _ARM_BITS, _HOUR_BITS = 20, 16, 16
_SCORE, _ARM, _HOUR = (np.uint64(2**bits - 1) for bits in (_SCORE_BITS, _ARM_BITS, _HOUR_BITS))
_TO_ARM, _TO_HOUR, _TO_CHUNK = (np.uint64(bits) for bits in (_SCORE_BITS, 36, 52))
_LAST_CHUNK: Final = 2**12 - 1
_MOST_ARMS: Final = 2**_ARM_BITS


class Unpaired:
    """Scores by case and arm, in chunks by the hour in which they came.

    In memory they are in few runs in the order of the cases, as the ids of `_ids`. Chunks are cut by what closed slots
    held and by nothing else, so that the same records give the same bytes.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[Words, Words]] = []  # cases, and of each its chunk, hour, arm and score
        self._arms: dict[Arm, int] = {}
        self._names: list[Arm] = []  # the same by their numbers
        self._chunks: dict[int, int] = {}  # how many each hour has
        self._open: tuple[Key, int] | None = None  # the newest chunk and its scores: it may still grow
        self._fresh: dict[Key, list[tuple[Words, Words]]] = {}  # chunks of which all that is in them is at hand
        self._dirty: set[Key] = set()

    def __len__(self) -> int:
        """Return how many scores wait."""
        return sum(len(cases) for cases, _ in self._runs)

    def holds(self, cases: Words) -> NDArray[np.bool_]:
        """Say of which cases a score waits."""
        found = np.zeros(len(cases), np.bool_)
        for run, _ in self._runs:
            found |= run[np.minimum(np.searchsorted(run, cases), len(run) - 1)] == cases
        return found

    def of(self, case: int) -> dict[Arm, int]:
        """Return the scores of a case, millionths, by arm."""
        return {
            self._names[int(what >> _TO_ARM & _ARM)]: int(what & _SCORE)
            for _, whats, places in self._places(case)
            for what in whats[places]
        }

    def add(self, cases: Words, arms: list[Arm], scores: NDArray[np.int64], hour: int) -> None:
        """Let scores of one slot wait, none of whose arms waits for its case already."""
        numbers = [self._number(arm) for arm in arms]
        kept = np.array([number is not None for number in numbers], np.bool_)
        if not kept.any():
            return
        if self._open is None or self._open[0][0] != hour or self._open[1] >= _CHUNK:
            chunk = hour, min(self._chunks.get(hour, 0), _LAST_CHUNK)
            self._open, self._fresh[chunk] = (chunk, 0), []
            self._chunks[hour] = chunk[1] + 1
        key, size = self._open
        found = np.array([number for number in numbers if number is not None], np.uint64)
        what = scores[kept].astype(np.uint64) | found << _TO_ARM | _place(key)
        self._open = key, size + len(what)
        if key in self._fresh:
            self._fresh[key].append((cases[kept], what))
        self._dirty.add(key)
        add_run(self._runs, cases[kept], what)

    def put(self, case: int, arm: Arm, score: int | None) -> None:
        """Let the score of an arm that waits be another one, or be none."""
        number = self._arms[arm]
        for at, whats, places in self._places(case):
            for place in range(places.start, places.stop):
                if int(whats[place] >> _TO_ARM & _ARM) != number:
                    continue
                key = self._key(int(whats[place]))
                self._fresh.pop(key, None)
                self._dirty.add(key)
                if score is None:
                    self._remove(at, place, key)
                else:
                    whats[place] = whats[place] & ~_SCORE | np.uint64(score)
                return

    def _remove(self, at: int, place: int, key: Key) -> None:
        cases, whats = self._runs[at]
        kept = np.arange(len(whats)) != place
        self._runs[at] = cases[kept], whats[kept]
        self._runs = [run for run in self._runs if len(run[0])]
        if self._open is not None and self._open[0] == key:
            self._open = key, self._open[1] - 1

    def forget(self, before: int) -> None:
        """Let go of what came in hours before `before`."""
        gone = [hour for hour in self._chunks if hour < before]
        if not gone:
            return
        codes = np.array(gone, np.uint64) & _HOUR
        kept = ((cases[there], whats[there]) for cases, whats in self._runs for there in [_outside(whats, codes)])
        self._runs = [run for run in kept if len(run[0])]
        self._tidy()
        self._dirty |= {(hour, number) for hour in gone for number in range(self._chunks.pop(hour))}
        if self._open is not None and self._open[0][0] < before:
            self._open = None

    def dump_dirty(self) -> Iterator[tuple[tuple[str, ...], bytes]]:
        """Yield the chunks that changed, by parts of their key; an empty one is gone."""
        for key in self._dirty:
            hour, number = key
            parts = self._fresh.get(key) or self._chunk(key)
            # The first has the name that a whole hour had when it was saved as one.
            name = (WAITING, str(hour), str(number)) if number else (WAITING, str(hour))
            cases, whats = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else (None, None)
            yield name, b"" if cases is None or whats is None or not len(cases) else self._packed(cases, whats)
        self._dirty.clear()
        self._fresh = {key: parts for key, parts in self._fresh.items() if self._open and key == self._open[0]}

    def load(self, key: tuple[str, ...], data: bytes, case_of: Callable[[str, int], int]) -> None:
        """Take over a chunk; `case_of` gives the case of a model and an encounter.

        Raises:
            CodecError: `data` is damaged.
        """
        version, meta, arrays = unpack_any(data, WAITING, _VERSIONS)
        hour, number = int(key[1]), int(key[2]) if len(key) > 2 else 0  # noqa: PLR2004 -- a number in the key
        if version == 1:
            pairs = zip(meta["names"], arrays["cases"].tolist(), strict=True)
            cases = np.array([case_of(model, case) for (model, _), case in pairs], np.uint64)
            arms: list[Arm] = [
                (name, ordinal)
                for (_, name), ordinal in zip(meta["names"], arrays["numbers"][:, 0].tolist(), strict=True)
            ]
            scores = arrays["numbers"][:, 1]
        else:
            cases, scores = arrays["cases"], (arrays["what"] & _SCORE).astype(np.int64)
            names: list[Arm] = [(name, ordinal) for name, ordinal in meta["arms"]]
            arms = [names[place] for place in (arrays["what"] >> _TO_ARM).tolist()]
        numbers = np.array([self._number(arm) or 0 for arm in arms], np.uint64)  # those saved were never too many
        self._chunks[hour] = max(self._chunks.get(hour, 0), number + 1)
        if len(cases):
            add_run(self._runs, cases, scores.astype(np.uint64) | numbers << _TO_ARM | _place((hour, number)))
        if self._open is None or self._open[0] < (hour, number):
            self._open = (hour, number), len(cases)

    def _number(self, arm: Arm) -> int | None:
        """Return the number of an arm; None if there are too many, as of a service that numbers activations wildly."""
        if arm not in self._arms:
            if len(self._names) >= _MOST_ARMS:
                return None
            self._arms[arm] = len(self._names)
            self._names.append(arm)
        return self._arms[arm]

    def _tidy(self) -> None:
        """Forget the arms of which no score waits."""
        self._fresh = {}
        numbers = [whats >> _TO_ARM & _ARM for _, whats in self._runs]
        used = np.unique(np.concatenate(numbers)) if numbers else np.zeros(0, np.uint64)
        table = np.zeros(len(self._names), np.uint64)
        table[used] = np.arange(len(used))
        self._names = [self._names[number] for number in used.tolist()]
        self._arms = {arm: number for number, arm in enumerate(self._names)}
        for (_, whats), before in zip(self._runs, numbers, strict=True):
            whats[:] = whats & ~(_ARM << _TO_ARM) | table[before] << _TO_ARM

    def _places(self, case: int) -> Iterator[tuple[int, Words, slice]]:
        """Yield (number of a run, its numbers, where those of a case are) of the runs that have some."""
        wanted = np.uint64(case)
        for at, (cases, whats) in enumerate(self._runs):
            first, end = (int(np.searchsorted(cases, wanted, side)) for side in ("left", "right"))
            if end > first:
                yield at, whats, slice(first, end)

    def _chunk(self, key: Key) -> list[tuple[Words, Words]]:
        place = _place(key) >> _TO_HOUR
        chosen = [(cases, whats, whats >> _TO_HOUR == place) for cases, whats in self._runs]
        return [(cases[there], whats[there]) for cases, whats, there in chosen if there.any()]

    def _key(self, what: int) -> Key:
        code, number = what >> int(_TO_HOUR) & int(_HOUR), what >> int(_TO_CHUNK)
        return next(hour for hour in self._chunks if hour & int(_HOUR) == code), number

    def _packed(self, cases: Words, whats: Words) -> bytes:
        numbers = whats >> _TO_ARM & _ARM
        used = sorted(self._names[number] for number in np.unique(numbers).tolist())
        places = np.zeros(len(self._names), np.uint64)
        places[[self._arms[arm] for arm in used]] = np.arange(len(used))
        what = places[numbers] << _TO_ARM | whats & _SCORE
        order = np.lexsort((what, cases))
        arrays = {"cases": cases[order], "what": what[order]}
        return pack(WAITING, _VERSIONS[0], {"arms": [list(arm) for arm in used]}, arrays)


def _outside(whats: Words, hours: Words) -> NDArray[np.bool_]:
    return np.asarray(~np.isin(whats >> _TO_HOUR & _HOUR, hours))


def _place(key: Key) -> np.uint64:
    hour, number = key
    return np.uint64((hour & int(_HOUR)) << int(_TO_HOUR) | number << int(_TO_CHUNK))
