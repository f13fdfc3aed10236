"""Bytes of one request, read at many places at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Places = NDArray[np.intp]
    Flags = NDArray[np.bool_]

_PADDING: Final = 1024
"""Bytes that may be read past the end: more than two of the longest keys. What is read there never counts."""
_HIGH: Final = 0x80  # set in every byte that is not ASCII
_WORD: Final = 8  # bytes
WIDEST: Final = 64
"""Bytes of the longest text that a `Texts` knows."""
_MASKS: Final = [
    np.array(
        [
            [(1 << 8 * min(max(size - _WORD * word, 0), _WORD)) - 1 for word in range(count)]
            for size in range(WIDEST + 1)
        ],
        np.uint64,
    )
    for count in range(WIDEST // _WORD + 1)
]
"""By the number of words."""


class Bytes:
    """A request body for reading in columns.

    Args:
        body: As it arrived.
    """

    def __init__(self, body: bytes) -> None:
        self.size = len(body)
        self._padded = body + bytes(_PADDING)
        self._each = np.frombuffer(self._padded, np.uint8)

    def ascii(
        self,
        start: int,
        end: int,
        binary: Iterable[tuple[Places, int]],
        passed: Iterable[tuple[Places, Places]] = (),
    ) -> bool:
        """Say whether everything from `start` to `end` is ASCII.

        But for the (places, width) in `binary`, and for what is between the (starts, ends) in `passed`.
        """
        rest = self._each[: end + _PADDING].copy()
        for starts, ends in passed:
            for begin, stop in zip(starts.tolist(), ends.tolist(), strict=True):
                rest[begin:stop] = 0
        for places, width in binary:
            shape = (len(rest) - width + 1,)
            np.ndarray(shape, f"V{width}", rest, strides=(1,))[places] = np.void(bytes(width))
        return not len(rest[start:end]) or int(rest[start:end].max()) < _HIGH

    def byte(self, places: Places) -> NDArray[np.intp]:
        """Return the byte at each place."""
        return self._each[places].astype(np.intp)

    def raw(self, places: Places, width: int) -> NDArray[Any]:
        """Return the `width` bytes from each place on, as an array of void."""
        shape = (len(self._padded) - width + 1,)
        return np.ndarray(shape, f"V{width}", self._padded, strides=(1,))[places]

    def same(self, places: Places, literal: bytes) -> Flags:
        """Say at which places `literal` stands."""
        found = self.raw(places, len(literal)) == np.frombuffer(literal, f"V{len(literal)}")[0]
        return np.asarray(found, np.bool_)

    def integers(self, places: Places) -> NDArray[np.uint64]:
        """Return the fixed 64-bit number at each place."""
        return np.asarray(self.raw(places, _WORD).view("<u8"))

    def doubles(self, places: Places) -> NDArray[np.float64]:
        """Return the double at each place."""
        return np.asarray(self.raw(places, _WORD).view("<f8"))

    def texts(self, places: Places, sizes: Places) -> list[bytes]:
        """Return the bytes of each text."""
        body = self._padded
        return [body[start:end] for start, end in zip(places.tolist(), (places + sizes).tolist(), strict=True)]

    def words(self, places: Places, sizes: Places, count: int) -> NDArray[np.uint64]:
        """Return (n, `count`) words of 8 bytes from each place on, zero past each size."""
        read = self.raw(places, _WORD * count).view("<u8").reshape(-1, count)
        return np.asarray(read & _MASKS[count].take(sizes, axis=0, mode="clip"))
