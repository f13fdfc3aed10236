"""The mix of inferences over the values of one segment, against the mix of the reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors import sr_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from otel_clinical.policy import Baseline

    Floats = NDArray[np.float64]

_ENOUGH: Final = 500  # reference labels below which shares are too uncertain to test
_RELATIVE, _ABSOLUTE = 0.25, 0.02  # a share may move by a quarter plus two points: days differ from nights
_STEPS: Final = (0.05, 0.15)  # further moves that are to be found fast
_LOG_THRESHOLD: Final = math.log(1e6)  # slots between false detections of one value, at least
_SLACK: Final = 5.0  # the statistic stays near the threshold, so that the flag ends soon after the shift
_EDGE: Final = 1e-3
_KIND, _VERSION = "mix", 1


class Mix:
    """One e-detector per value and direction: has its share left the tolerated band?

    A slot counts as one observation, its likelihood ratio that of its counts.

    Args:
        baseline: Gives the reference shares.
        segment: Name of the segment.
        values: Its declared values.
    """

    def __init__(self, baseline: Baseline, segment: str, values: Sequence[str]) -> None:
        self.values = tuple(values)
        total = baseline.n()
        shares = [baseline.n(segment, value) / total if total else 0.0 for value in self.values]
        self.shares = np.array(shares) if total >= _ENOUGH else np.zeros(0)
        hits, misses, self._bounded = _log_ratios(self.shares)
        self._hits, self._misses = hits, misses
        self.log_s = np.full((len(self.shares), hits.shape[1]), -np.inf)
        self.detections = [0] * len(self.shares)
        self.detected: list[int | None] = [None] * len(self.shares)

    def feed(self, counts: NDArray[np.int64], total: int, time: int) -> list[int]:
        """Take one slot: inferences per value, and of all; return the places of values newly out of band."""
        if not len(self.shares):
            return []
        was = self.scores() >= 0.0
        growth = counts[:, None] * self._hits + (total - counts)[:, None] * self._misses
        path = sr_path(self.log_s.ravel(), growth.reshape(1, -1))
        log_s = np.minimum(path[-1].reshape(self.log_s.shape), self._ceiling())
        self.log_s = np.where(self._bounded, log_s, -np.inf)
        out = self.scores() >= 0.0
        for place in np.flatnonzero(out).tolist():
            self.detected[place] = time
        new: list[int] = np.flatnonzero(out & ~was).tolist()
        for place in new:
            self.detections[place] += 1
        return new

    def scores(self) -> Floats:
        """(values,) logarithm to base 10 of the evidence over its threshold; 0 or more is out of band."""
        mean = np.logaddexp.reduce(self.log_s, axis=1) - math.log(self.log_s.shape[1])
        return np.asarray((mean - _LOG_THRESHOLD) / math.log(10.0))

    def _ceiling(self) -> float:
        return _LOG_THRESHOLD + math.log(self.log_s.shape[1]) + _SLACK

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta = {"values": list(self.values), "detections": self.detections, "detected": self.detected}
        return pack(_KIND, _VERSION, meta, {"shares": self.shares, "log_s": self.log_s})

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if it was tested against another reference.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        if tuple(meta["values"]) != self.values or not np.array_equal(arrays["shares"], self.shares):
            return False
        self.log_s = np.where(self._bounded, arrays["log_s"], -np.inf)
        self.detections, self.detected = meta["detections"], meta["detected"]
        return True


def _log_ratios(shares: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return (values, alternatives) log likelihood ratios of one inference with the value, and of one without.

    And whether the band ends on that side at all: a share near 0 may vanish, and one near 1 may become all, without
    leaving it. To bet there would be to bet on what the band tolerates.
    """
    up, down = shares * (1.0 + _RELATIVE) + _ABSOLUTE, shares * (1.0 - _RELATIVE) - _ABSOLUTE
    ends = [up < 1.0 - _EDGE] * len(_STEPS) + [down > _EDGE] * len(_STEPS)
    high, low = np.clip(up, _EDGE, 1.0 - _EDGE), np.clip(down, _EDGE, 1.0 - _EDGE)
    pairs = [(high, np.minimum(high + step, 1.0 - _EDGE / 2)) for step in _STEPS]
    pairs += [(low, np.maximum(low - step, _EDGE / 2)) for step in _STEPS]
    hits = np.stack([np.log(there / here) for here, there in pairs], axis=1)
    misses = np.stack([np.log((1.0 - there) / (1.0 - here)) for here, there in pairs], axis=1)
    return hits, misses, np.stack(ends, axis=1)
