"""Which inferences already have their outcome: each is charged once, whoever reports it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.kernel._ids import DatedIds, IdSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HOUR: Final = 3_600_000_000  # microseconds
_CHUNK: Final = 32_768  # ids after which an hour goes on under another key: 256 KiB
_KIND, _VERSION = "fed", 1


class Fed:
    """Hashes of the inferences whose outcome was fed, with the hour of each, so that old ones can be forgotten.

    An hour is saved in chunks, so that a checkpoint costs what came since the last one and not what came in an hour.
    They are cut by what closed slots held and by nothing else, so that the same records give the same bytes. A chunk
    that is full and saved is held no more: what is known is known once.
    """

    def __init__(self) -> None:
        self._known = DatedIds()
        self._chunks: dict[int, int] = {}  # how many each hour has
        self._open: tuple[tuple[int, int], IdSet] | None = None  # the newest chunk: it may still grow
        self._dirty: dict[tuple[int, int], IdSet | None] = {}

    def holds(self, inferences: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say which of `inferences` were fed."""
        return self._known.holds(inferences)

    def add(self, inferences: NDArray[np.uint64], time: int) -> None:
        """Remember `inferences` that were not, fed at event time `time` (microseconds), which never goes back."""
        if not len(inferences):
            return
        hour = time // _HOUR
        if self._open is None or self._open[0][0] != hour or len(self._open[1]) >= _CHUNK:
            self._open = (hour, self._chunks.get(hour, 0)), IdSet()
        key, chunk = self._open
        self._chunks[hour] = key[1] + 1
        self._known.add(inferences, hour)
        chunk.add(inferences)
        self._dirty[key] = chunk

    def forget(self, before: int) -> None:
        """Forget whole hours before event time `before` (microseconds)."""
        first = before // _HOUR
        gone = [hour for hour in self._chunks if hour < first]
        if not gone:
            return
        self._known.forget(first)
        self._dirty |= {(hour, number): None for hour in gone for number in range(self._chunks.pop(hour))}
        if self._open is not None and self._open[0][0] < first:
            self._open = None

    def dump_dirty(self) -> dict[str, bytes]:
        """Return the chunks that changed."""
        found = {}
        for (hour, number), chunk in self._dirty.items():
            # The first has the name that a whole hour had when it was saved as one.
            key = f"{hour}/{number}" if number else str(hour)
            found[key] = b"" if chunk is None else pack(_KIND, _VERSION, {}, {"ids": chunk.sorted()})
        self._dirty.clear()
        return found

    def load(self, key: str, data: bytes) -> None:
        """Take over a chunk.

        Raises:
            CodecError: `data` is damaged.
        """
        _, arrays = unpack(data, _KIND, _VERSION)
        hour, number = (int(part) for part in (*key.split("/"), "0")[:2])
        self._chunks[hour] = max(self._chunks.get(hour, 0), number + 1)
        if not len(arrays["ids"]):
            return
        self._known.add(arrays["ids"], hour)
        if self._open is None or self._open[0] < (hour, number):
            self._open = (hour, number), IdSet()
            self._open[1].add_sorted(arrays["ids"])
