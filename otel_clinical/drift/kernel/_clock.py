"""Event time: how far the records have come, and what was newest in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode._batch import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KIND, _VERSION = "clock", 1
MOST_ACTIVATIONS: Final = 16
"""Activations that are kept for a version: a service that numbers them wildly must not fill the memory."""


class Clock:
    """Watermark and newest things seen; a maximum of everything, so the order of arrival leaves no trace.

    Args:
        lateness: How much later than its neighbours a record may arrive, microseconds.

    Attributes:
        served: By (model, version), the time of the newest inference of each activation, microseconds.
    """

    def __init__(self, lateness: int) -> None:
        self._lateness = lateness
        self._floor: int | None = None
        self.newest: int | None = None
        self.labels: dict[str, int] = {}
        self.served: dict[tuple[str, str], dict[int, int]] = {}
        self.unreported = 0

    @property
    def activations(self) -> dict[tuple[str, str], int]:
        """By (model, version) the activation that served last.

        Last by the time of its newest inference, not by its number: after a release pointer was made anew, or after
        one record with a senseless number, the highest number would hide what serves now.
        """
        return {key: max(served, key=lambda ordinal: (served[ordinal], ordinal)) for key, served in self.served.items()}

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
        outcome = rows["kind"] == Kind.OUTCOME
        if outcome.any():
            outcomes = rows[outcome]
            for model in np.unique(outcomes["model"]).tolist():
                newest = min(int(outcomes["time"][outcomes["model"] == model].max()), received)
                self.labels[words[model]] = max(self.labels.get(words[model], newest), newest)
        code = rows["model"].astype(np.int64) << 48 | rows["version"].astype(np.int64) << 32 | rows["activation"]
        serving = _serving(rows)
        alike = bool((code == code[0]).all())
        for one in code[:1].tolist() if alike else np.unique(code).tolist():
            newest = min(int((serving if alike else serving[code == one]).max()), received)
            self._serve((words[one >> 48], words[one >> 32 & 0xFFFF]), one & 0xFFFFFFFF, newest)

    def _serve(self, key: tuple[str, str], activation: int, time: int) -> None:
        served = self.served.setdefault(key, {})
        served[activation] = max(served.get(activation, time), time)
        if len(served) > MOST_ACTIVATIONS:
            del served[min(served, key=lambda ordinal: (served[ordinal], ordinal))]

    def dumps(self, words: tuple[str, ...], slot: int) -> bytes:
        """Return the state as bytes, with the meaning of the numbers in waiting records."""
        meta: dict[str, Any] = {
            "newest": self.newest,
            "floor": self._floor,
            "labels": self.labels,
            "served": sorted([*key, *item] for key, served in self.served.items() for item in served.items()),
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
        for model, version, ordinal, time in meta["served"]:
            self.served.setdefault((model, version), {})[ordinal] = time
        self.unreported = meta["unreported"]
        return tuple(meta["words"]), meta["slot"]


def _serving(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Return when the activation of each record served: a change says so itself, all else by its inference."""
    return np.asarray(np.where(rows["kind"] == Kind.CHANGE, rows["time"], rows["inferred"]))
