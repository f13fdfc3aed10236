"""Which inferences already have their outcome: each is charged once, whoever reports it again."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.kernel._ids import IdSet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HOUR: Final = 3_600_000_000  # microseconds
_KIND, _VERSION = "fed", 1


class Fed:
    """Hashes of the inferences whose outcome was fed, in hours so that old ones can be forgotten."""

    def __init__(self) -> None:
        self._known = IdSet()
        self._hours: dict[int, IdSet] = defaultdict(IdSet)
        self._dirty: set[int] = set()

    def holds(self, inferences: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say which of `inferences` were fed."""
        return self._known.holds(inferences)

    def add(self, inferences: NDArray[np.uint64], time: int) -> None:
        """Remember `inferences` that were not, fed at event time `time` (microseconds)."""
        if len(inferences):
            hour = time // _HOUR
            self._known.add(inferences)
            self._hours[hour].add(inferences)
            self._dirty.add(hour)

    def forget(self, before: int) -> None:
        """Forget whole hours before event time `before` (microseconds)."""
        for hour in [hour for hour in self._hours if (hour + 1) * _HOUR <= before]:
            self._known.remove(self._hours.pop(hour))
            self._dirty.add(hour)

    def dump_dirty(self) -> dict[str, bytes]:
        """Return the hours that changed."""
        found = {}
        for hour in self._dirty:
            known = self._hours.get(hour)
            found[str(hour)] = pack(_KIND, _VERSION, {}, {"ids": known.sorted()}) if known else b""
        self._dirty.clear()
        return found

    def load(self, key: str, data: bytes) -> None:
        """Take over an hour.

        Raises:
            CodecError: `data` is damaged.
        """
        _, arrays = unpack(data, _KIND, _VERSION)
        self._hours[int(key)].add(arrays["ids"])
        self._known.add(arrays["ids"])
