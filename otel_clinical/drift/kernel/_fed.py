"""Which inferences already have their outcome: each is charged once, whoever reports it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.kernel._ids import IdSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HOUR: Final = 3_600_000_000  # microseconds
_CHUNK: Final = 32_768  # ids after which an hour goes on under another key: 256 KiB
_KIND, _VERSION = "fed", 1


class Fed:
    """Hashes of the inferences whose outcome was fed, in hours so that old ones can be forgotten.

    An hour is saved in chunks, so that a checkpoint costs what came since the last one and not what came in an hour.
    They are cut by what closed slots held and by nothing else, so that the same records give the same bytes.
    """

    def __init__(self) -> None:
        self._known = IdSet()
        self._hours: dict[int, list[IdSet]] = {}
        self._dirty: set[tuple[int, int]] = set()

    def holds(self, inferences: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say which of `inferences` were fed."""
        return self._known.holds(inferences)

    def add(self, inferences: NDArray[np.uint64], time: int) -> None:
        """Remember `inferences` that were not, fed at event time `time` (microseconds)."""
        if not len(inferences):
            return
        hour = time // _HOUR
        chunks = self._hours.setdefault(hour, [IdSet()])
        if len(chunks[-1]) >= _CHUNK:
            chunks.append(IdSet())
        self._known.add(inferences)
        chunks[-1].add(inferences)
        self._dirty.add((hour, len(chunks) - 1))

    def forget(self, before: int) -> None:
        """Forget whole hours before event time `before` (microseconds)."""
        for hour in [hour for hour in self._hours if (hour + 1) * _HOUR <= before]:
            for number, chunk in enumerate(self._hours.pop(hour)):
                self._known.remove(chunk)
                self._dirty.add((hour, number))

    def dump_dirty(self) -> dict[str, bytes]:
        """Return the chunks that changed."""
        found = {}
        for hour, number in self._dirty:
            chunks = self._hours.get(hour, [])
            known = chunks[number].sorted() if number < len(chunks) else None
            # The first has the name that a whole hour had when it was saved as one.
            key = f"{hour}/{number}" if number else str(hour)
            found[key] = b"" if known is None else pack(_KIND, _VERSION, {}, {"ids": known})
        self._dirty.clear()
        return found

    def load(self, key: str, data: bytes) -> None:
        """Take over a chunk.

        Raises:
            CodecError: `data` is damaged.
        """
        _, arrays = unpack(data, _KIND, _VERSION)
        hour, _, number = key.partition("/")
        chunks = self._hours.setdefault(int(hour), [])
        chunks += [IdSet() for _ in range(len(chunks), int(number or 0) + 1)]
        chunks[int(number or 0)].add(arrays["ids"])
        self._known.add(arrays["ids"])
