"""Event time: how far the records have come, and what was newest in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.kernel._batch import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KIND, _VERSION = "clock", 1


class Clock:
    """Watermark and newest things seen; a maximum of everything, so the order of arrival leaves no trace.

    Args:
        lateness: How much later than its neighbours a record may arrive, microseconds.
    """

    def __init__(self, lateness: int) -> None:
        self._lateness = lateness
        self._floor: int | None = None
        self.newest: int | None = None
        self.labels: dict[str, int] = {}
        self.activations: dict[tuple[str, str], int] = {}
        self.unreported = 0

    @property
    def watermark(self) -> int | None:
        """Event time up to which slots may be closed, microseconds; None before the first record."""
        marks = [] if self.newest is None else [self.newest - self._lateness]
        if self._floor is not None:
            marks.append(self._floor)
        return max(marks, default=None)

    def raise_to(self, time: int) -> None:
        """Let the watermark be at least `time`, microseconds."""
        self._floor = time if self._floor is None else max(self._floor, time)

    def note(self, rows: NDArray[np.void], words: tuple[str, ...], received: int) -> None:
        """Take the times and activations of accepted records; no time counts as later than `received`."""
        if not len(rows):
            return
        newest = min(int(rows["time"].max()), received)
        self.newest = newest if self.newest is None else max(self.newest, newest)
        outcomes = rows[rows["kind"] == Kind.OUTCOME]
        for model in np.unique(outcomes["model"]).tolist():
            newest = min(int(outcomes["time"][outcomes["model"] == model].max()), received)
            self.labels[words[model]] = max(self.labels.get(words[model], newest), newest)
        served = np.unique(rows[["model", "version", "activation"]])
        for model, version, activation in served.tolist():
            key = words[model], words[version]
            self.activations[key] = max(self.activations.get(key, activation), activation)

    def dumps(self, words: tuple[str, ...], slot: int) -> bytes:
        """Return the state as bytes, with the meaning of the numbers in waiting records."""
        meta: dict[str, Any] = {
            "newest": self.newest,
            "floor": self._floor,
            "labels": self.labels,
            "activations": sorted([*key, activation] for key, activation in self.activations.items()),
            "unreported": self.unreported,
            "words": list(words),
            "slot": slot,
        }
        return pack(_KIND, _VERSION, meta, {})

    def loads(self, data: bytes) -> tuple[tuple[str, ...], int]:
        """Take over a state and return the (words, slot width) it was saved with.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, _ = unpack(data, _KIND, _VERSION)
        self.newest, self._floor, self.labels = meta["newest"], meta["floor"], meta["labels"]
        self.activations = {(model, version): ordinal for model, version, ordinal in meta["activations"]}
        self.unreported = meta["unreported"]
        return tuple(meta["words"]), meta["slot"]
