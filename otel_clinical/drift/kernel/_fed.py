"""Which inferences already have their outcome: each is charged once, whoever reports it again."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack

_HOUR: Final = 3_600_000_000  # microseconds
_KIND, _VERSION = "fed", 1


class Fed:
    """Hashes of the inferences whose outcome was fed, in hours so that old ones can be forgotten."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._hours: dict[int, set[int]] = defaultdict(set)
        self._dirty: set[int] = set()

    def __contains__(self, inference: int) -> bool:
        return inference in self._known

    def add(self, inferences: list[int], time: int) -> None:
        """Remember `inferences`, fed at event time `time` (microseconds)."""
        if inferences:
            hour = time // _HOUR
            self._known.update(inferences)
            self._hours[hour].update(inferences)
            self._dirty.add(hour)

    def forget(self, before: int) -> None:
        """Forget whole hours before event time `before` (microseconds)."""
        for hour in [hour for hour in self._hours if (hour + 1) * _HOUR <= before]:
            self._known -= self._hours.pop(hour)
            self._dirty.add(hour)

    def dump_dirty(self) -> dict[str, bytes]:
        """Return the hours that changed."""
        found = {}
        for hour in self._dirty:
            known = self._hours.get(hour)
            found[str(hour)] = pack(_KIND, _VERSION, {}, {"ids": _array(known)}) if known else b""
        self._dirty.clear()
        return found

    def load(self, key: str, data: bytes) -> None:
        """Take over an hour.

        Raises:
            CodecError: `data` is damaged.
        """
        _, arrays = unpack(data, _KIND, _VERSION)
        known = set(arrays["ids"].tolist())
        self._hours[int(key)] = known
        self._known |= known


def _array(known: set[int]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array(sorted(known), np.uint64)
