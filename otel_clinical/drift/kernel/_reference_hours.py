"""Record where the values of input features lay hour by hour, for baselines that know the hours of the week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.kernel._feature_hours import PLACES
from otel_clinical.policy import HOURS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    SegmentKey = tuple[str, str]
    Of = tuple[str, str, str]
    Cells = dict[SegmentKey, Ints]

REFERENCE_HOURS: Final = "reference_hours"
"""First part of the keys of saved states."""
_KIND, _VERSION = "reference_hours", 1


class HourRecord:
    """Counts by (model, version, digest of the layout) and hour.

    Slots are closed in order, so of each only the newest hour grows: of those before, nothing but their names is kept
    in memory once they are saved.
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[Of, int], Cells] = {}
        self._newest: dict[Of, int] = {}
        self._saved: dict[Of, set[int]] = {}
        self._stored: dict[Of, tuple[int, bytes]] = {}
        self._dirty: set[tuple[Of, int]] = set()

    def add(self, of: Of, hour: int, key: SegmentKey, counts: Ints) -> None:
        """Add the (f, PLACES) counts of a segment value in one slot; `hour` counts from the first Monday of 1970."""
        cells = self._part(of, hour)
        cells[key] = cells[key] + counts if key in cells else counts
        self._dirty.add((of, hour))

    def forget(self, week: int) -> None:
        """Let go of everything before a week."""
        for of, hours in self._saved.items():
            for hour in [hour for hour in hours if hour < week * HOURS]:
                hours.remove(hour)
                self._parts.pop((of, hour), None)
                self._dirty.add((of, hour))

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the hours that changed, by parts of their key; an empty one is gone."""
        found: dict[tuple[str, ...], bytes] = {}
        for of, hour in self._dirty:
            cells = self._parts.get((of, hour))
            found[REFERENCE_HOURS, of[0], of[1], str(hour), of[2]] = b"" if cells is None else dump_hour(cells)
            if cells is not None:
                self._saved.setdefault(of, set()).add(hour)
        self._dirty.clear()
        for of, hour in [key for key in self._parts if key[1] < self._newest[key[0]]]:
            del self._parts[of, hour]
        return found

    def load(self, key: tuple[str, ...], data: bytes) -> None:
        """Take over an hour; it is read only if it goes on."""
        of, hour = (key[1], key[2], key[4]), int(key[3])
        self._saved.setdefault(of, set()).add(hour)
        if hour >= self._stored.get(of, (hour, b""))[0]:
            self._stored[of] = hour, data

    def _part(self, of: Of, hour: int) -> Cells:
        if (of, hour) not in self._parts:
            known, data = self._stored.pop(of, (None, b""))
            self._parts[of, hour] = load_hour(data) if known == hour else {}
            self._newest[of] = max(hour, self._newest.get(of, hour))
        return self._parts[of, hour]


def dump_hour(cells: Mapping[SegmentKey, Ints]) -> bytes:
    """Return the counts of one hour as bytes; most bins of most segment values are empty, and are left out."""
    keys = sorted(cells)
    flat = np.stack([cells[key] for key in keys]).ravel()
    at = np.flatnonzero(flat)
    return pack(_KIND, _VERSION, {"keys": keys, "features": len(cells[keys[0]])}, {"at": at, "counts": flat[at]})


def load_hour(data: bytes) -> Cells:
    """Return the counts that `dump_hour` gave.

    Raises:
        CodecError: `data` is damaged.
    """
    meta, arrays = unpack(data, _KIND, _VERSION)
    keys = [(name, value) for name, value in meta["keys"]]
    flat = np.zeros(len(keys) * meta["features"] * PLACES, np.int64)
    flat[arrays["at"]] = arrays["counts"]
    return dict(zip(keys, flat.reshape(len(keys), meta["features"], PLACES), strict=True))
