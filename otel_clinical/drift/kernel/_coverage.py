"""Label coverage: of the inferences that are old enough, how many have an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift._codec import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_KIND, _VERSION = "coverage", 1


class Coverage:
    """Counts of one (model, version) by cohort: the inferences that started in one span of time.

    Args:
        width: Of a cohort, microseconds.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._cohorts: dict[int, list[int]] = {}

    def infer(self, times: NDArray[np.int64]) -> None:
        """Count inferences that should get an outcome, by their start in microseconds."""
        self._count(times, 0)

    def label(self, times: NDArray[np.int64]) -> None:
        """Count outcomes, by the start of their inference in microseconds."""
        self._count(times, 1)

    def ratio(self, mature: int, window: int) -> tuple[int, int]:
        """Return (eligible, labelled) of the cohorts that ended within `window` before `mature` (microseconds)."""
        kept = [
            counts
            for start, counts in self._cohorts.items()
            if mature - window < start + self.width <= mature and counts[0]
        ]
        return sum(counts[0] for counts in kept), sum(min(counts) for counts in kept)

    def forget(self, before: int) -> None:
        """Drop the cohorts that ended before event time `before` (microseconds)."""
        for start in [start for start in self._cohorts if start + self.width < before]:
            del self._cohorts[start]

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        cohorts = sorted([start, *counts] for start, counts in self._cohorts.items())
        return pack(_KIND, _VERSION, {"width": self.width, "cohorts": cohorts}, {})

    def loads(self, data: bytes) -> None:
        """Take over a state; cohorts of another width are forgotten.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, _ = unpack(data, _KIND, _VERSION)
        if meta["width"] == self.width:
            self._cohorts = {start: [eligible, labelled] for start, eligible, labelled in meta["cohorts"]}

    def _count(self, times: NDArray[np.int64], column: int) -> None:
        starts, counts = np.unique(times - times % self.width, return_counts=True)
        pairs: Iterable[tuple[int, int]] = zip(starts.tolist(), counts.tolist(), strict=True)
        for start, count in pairs:
            self._cohorts.setdefault(start, [0, 0])[column] += count
