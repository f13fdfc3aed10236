"""Label coverage: of the inferences that are old enough, how many have an outcome, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift._codec import pack, unpack_any
from otel_clinical.drift.kernel._ages import BINS, binned, quantiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._ages import Counts

_KIND, _READ = "coverage", (2, 1)  # the first version had no ages
_SHARES = 0.5, 0.9


class Coverage:
    """Counts of one (model, version) by cohort: the inferences that started in one span of time.

    Args:
        width: Of a cohort, microseconds.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._cohorts: dict[int, list[int]] = {}
        self._ages: dict[int, Counts] = {}

    def infer(self, times: NDArray[np.int64]) -> None:
        """Count inferences that should get an outcome, by their start in microseconds."""
        self._count(times, 0)

    def label(self, times: NDArray[np.int64], known: NDArray[np.int64]) -> None:
        """Count outcomes, by the start of their inference and the time of the outcome in microseconds."""
        self._count(times, 1)
        codes, counts = np.unique(times // self.width * BINS + binned(known - times), return_counts=True)
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            cohort, place = divmod(code, BINS)
            ages = self._ages.setdefault(cohort * self.width, {})
            ages[place] = ages.get(place, 0) + count

    def ratio(self, mature: int, window: int) -> tuple[int, int]:
        """Return (eligible, labelled) of the cohorts that ended within `window` before `mature` (microseconds)."""
        kept = [self._cohorts[start] for start in self._matured(mature, window)]
        return sum(counts[0] for counts in kept), sum(min(counts) for counts in kept)

    def age(self, mature: int, window: int) -> tuple[int, float | None, float | None]:
        """Return (labels, median age, 90th percentile) in seconds of the cohorts of `ratio`; None without labels."""
        kept = [self._ages[start] for start in self._matured(mature, window) if start in self._ages]
        median, late = quantiles(kept, _SHARES) or (None, None)
        return sum(sum(ages.values()) for ages in kept), median, late

    def forget(self, before: int) -> None:
        """Drop the cohorts that ended before event time `before` (microseconds)."""
        for start in [start for start in self._cohorts if start + self.width < before]:
            del self._cohorts[start]
            self._ages.pop(start, None)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        cohorts = sorted([start, *counts] for start, counts in self._cohorts.items())
        ages = sorted((start, *pair) for start, counts in self._ages.items() for pair in counts.items())
        return pack(
            _KIND,
            _READ[0],
            {"width": self.width, "cohorts": cohorts},
            {"ages": np.array(ages, np.int64).reshape(-1, 3)},
        )

    def loads(self, data: bytes) -> None:
        """Take over a state; cohorts of another width are forgotten.

        Raises:
            CodecError: `data` is damaged.
        """
        _, meta, arrays = unpack_any(data, _KIND, _READ)
        if meta["width"] != self.width:
            return
        self._cohorts = {start: [eligible, labelled] for start, eligible, labelled in meta["cohorts"]}
        self._ages = {}
        for start, place, count in arrays["ages"].tolist() if "ages" in arrays else ():
            self._ages.setdefault(start, {})[place] = count

    def _matured(self, mature: int, window: int) -> Iterator[int]:
        for start, counts in self._cohorts.items():
            if mature - window < start + self.width <= mature and counts[0]:
                yield start

    def _count(self, times: NDArray[np.int64], column: int) -> None:
        starts, counts = np.unique(times - times % self.width, return_counts=True)
        pairs: Iterable[tuple[int, int]] = zip(starts.tolist(), counts.tolist(), strict=True)
        for start, count in pairs:
            self._cohorts.setdefault(start, [0, 0])[column] += count
