"""Known texts, found among many places of a request at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._wire_bytes import WIDEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from otel_clinical.drift.explode._wire_bytes import Bytes

    Places = NDArray[np.intp]
    Flags = NDArray[np.bool_]
    Words = NDArray[np.uint64]

_WORD: Final = 8  # bytes
_MIXERS: Final = np.array([0x9E3779B97F4A7C15 * (2 * word + 1) % 2**64 | 1 for word in range(8)], np.uint64)
_MOST_BITS: Final = 15
"""Of a number that is a place in a table: 256 KiB at most, for some hundred texts, and near the processor still."""


@dataclass(frozen=True, eq=False)
class Texts:
    """Known texts, found among many places at once.

    Attributes:
        known: By the place that `find` gives.
    """

    known: tuple[str, ...]
    _hashes: Words
    _slots: Slots | None
    _words: tuple[Words, ...]
    _sizes: Places

    @classmethod
    def of(cls, known: Iterable[str]) -> Texts:
        """Return a table of the `known` texts; those longer than 64 bytes are left out, `find` does not know them."""
        pairs = [(text, text.encode()) for text in dict.fromkeys(known)]
        pairs = [(text, data) for text, data in pairs if 0 < len(data) <= WIDEST]
        width = max((len(data) for _, data in pairs), default=1)
        count = -(-width // _WORD)
        padded = b"".join(data.ljust(count * _WORD, b"\0") for _, data in pairs)
        words = np.frombuffer(padded, "<u8").reshape(-1, count)
        hashes = _hashed(words)
        order = np.argsort(hashes, kind="stable")
        sizes = np.array([len(data) for _, data in pairs], np.intp)
        columns = tuple(np.ascontiguousarray(column) for column in words[order].T)
        names = tuple(pairs[place][0] for place in order)
        return cls(names, hashes[order], Slots.of(hashes[order]), columns, sizes[order])

    def find(self, body: Bytes, places: Places, sizes: Places, words: Words | None = None) -> tuple[Places, Flags]:
        """Return the place in `known` of the text at each place, and which are known at all.

        Args:
            body: Holds them.
            places: Where they begin.
            sizes: Their bytes.
            words: What stands there, if that is known already.
        """
        if not self.known:
            return np.zeros(len(places), np.intp), np.zeros(len(places), np.bool_)
        count = len(self._words)
        if words is None or words.shape[1] < count:
            words = body.words(places, sizes, count)
        hashed = _hashed(words[:, :count])
        if self._slots is not None:
            found = self._slots.look(hashed)
        else:
            found = np.minimum(np.searchsorted(self._hashes, hashed), len(self.known) - 1)
        same = self._sizes.take(found) == sizes
        for column, known in enumerate(self._words):
            same &= known.take(found) == words[:, column]
        return found, same


@dataclass(frozen=True, eq=False)
class Slots:
    """A table in which each of a few numbers has a place of its own.

    Attributes:
        factor: Mixes a number.
        shift: Bits of the mixed number that are not its place in the table.
        table: What stands there; of a number that is not among them, any.
    """

    factor: np.uint64
    shift: np.uint64
    table: Places

    @classmethod
    def of(cls, numbers: Words) -> Slots | None:
        """Return the smallest table; None if there are too many `numbers` for one."""
        for bits in range(max(len(numbers).bit_length(), 1), _MOST_BITS + 1):
            for factor in _MIXERS:
                made = cls(factor, np.uint64(64 - bits), np.zeros(2**bits, np.intp))
                places = made.places(numbers)
                if len(np.unique(places)) == len(numbers):
                    made.table[places] = np.arange(len(numbers))
                    return made
        return None

    def places(self, numbers: Words) -> Places:
        """Return where in the table each number stands."""
        return np.asarray((numbers * self.factor) >> self.shift, np.intp)

    def look(self, numbers: Words) -> Places:
        """Return the ordinal of each number, of one that is not in the table any."""
        return self.table.take(self.places(numbers))


def _hashed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return one number per row; which texts collide does not matter, all bytes are compared."""
    total = words[:, 0] * _MIXERS[0]
    for column in range(1, words.shape[1]):
        total = (total ^ (total >> np.uint64(29))) * _MIXERS[column] + words[:, column]
    return np.asarray(total)
