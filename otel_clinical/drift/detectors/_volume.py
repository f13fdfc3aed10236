"""Volume against the same hour of the weeks before: silence and surge, bet on hour by hour."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from river import base

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors._betting import LOG_CEILING, as_number
from otel_clinical.drift.detectors._looks import SLACK, log_bet, next_log

WEEK_HOURS: Final = 168
_LEAST: Final = 2  # seasons before an hour is tested
_KIND, _VERSION = "volume_detector", 1


class VolumeDetector(base.DriftDetector):
    """Prove that counts are below or above those of the same place in the seasons before, by more than is tolerated.

    Given the sum of both, a count beside those of the seasons before is binomial whatever the rate is (Przyborowski
    and Wilenski), so the p-values hold without knowing the rate. They are bet on one after the other: the expected
    number of counts between false alarms is at least `threshold`.

    Args:
        season: Counts of one season: 168 hours of a week.
        keep: Seasons that are compared with.
        low: Share of the ordinary count that is tolerated for ever, below 1.
        high: Multiple of it that is tolerated for ever, above 1.
        threshold: Counts between false alarms, at least.

    Attributes:
        expected: Ordinary count in the place of the newest one; None while too little is known.
        rejected: Values that are no counts; they change nothing.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(4)
        >>> detector = VolumeDetector(season=24, threshold=1e5)
        >>> for hour in range(24 * 10):
        ...     rate = (40 if 7 <= hour % 24 < 19 else 5) * (0.2 if hour >= 24 * 8 + 8 else 1)
        ...     detector.update(int(rng.poisson(rate)))
        ...     if detector.drift_detected:
        ...         print(f"silence proved at hour {hour}, expected about {detector.expected:.0f}")
        ...         break
        silence proved at hour 207, expected about 43

    References:
        Przyborowski and Wilenski. Homogeneity of results in testing samples from Poisson series. Biometrika, 31, 1940.
    """

    def __init__(
        self,
        season: int = WEEK_HOURS,
        keep: int = 4,
        low: float = 0.5,
        high: float = 2.0,
        threshold: float = 1e5,
    ) -> None:
        super().__init__()
        if not (0.0 < low < 1.0 < high and season >= 1 and keep >= _LEAST):
            raise ValueError(f"low {low}, high {high}: expected 0 < low < 1 < high, season of 1 and keep of 2 or more")
        self.season, self.keep, self.low, self.high, self.threshold = season, keep, low, high, threshold
        self.expected: float | None = None
        self.rejected = 0
        self._place = 0
        self._past = np.full((season, keep), -1, np.int64)
        self._log_s = np.full(2, -np.inf)

    @property
    def evidence(self) -> tuple[float, float]:
        """Evidence for (silence, surge) over the threshold; 1 or more is proof."""
        down, up = (math.exp(min(float(one) - self._log_threshold, LOG_CEILING)) for one in self._log_s)
        return down, up

    def skip(self, places: int) -> None:
        """Go on `places` places without a count, as before the first one."""
        self._place = (self._place + places) % self.season

    def update(self, x: float) -> None:
        """Take the count of the next place."""
        value = as_number(x)
        if not (math.isfinite(value) and value >= 0 and value.is_integer()):
            self.rejected += 1
            return
        count, past = int(value), self._past[self._place]
        known = past[past >= 0]
        self.expected = float(known.mean()) if len(known) >= _LEAST else None
        if self.expected is not None:
            self._log_s = next_log(self._log_s, log_bet(self._p(count, known)), self._log_threshold + SLACK)
        self._past[self._place] = (count, *past[:-1])
        self._place = (self._place + 1) % self.season
        self._drift_detected = bool((self._log_s >= self._log_threshold).any())

    def _p(self, count: int, known: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[float, float]:
        total, seasons = count + int(known.sum()), len(known)
        from scipy import special  # noqa: PLC0415 -- a third of a start would be spent on it, and few look at once

        down = special.bdtr(count, total, self.low / (self.low + seasons))
        up = 1.0 if count == 0 else special.bdtrc(count - 1, total, self.high / (self.high + seasons))
        return float(down), float(up)

    @property
    def _log_threshold(self) -> float:
        return math.log(2.0 * self.threshold)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "parameters": [self.season, self.keep, self.low, self.high, self.threshold],
            "state": [self.expected, self.rejected, self._place, bool(self._drift_detected)],
        }
        return pack(_KIND, _VERSION, meta, {"past": self._past, "log_s": self._log_s})

    @classmethod
    def loads(cls, data: bytes) -> VolumeDetector:
        """Return the detector that `dumps` saved.

        Raises:
            CodecError: `data` is damaged, or something else.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        detector = cls(*meta["parameters"])
        detector.expected, detector.rejected, detector._place, detector._drift_detected = meta["state"]
        detector._past, detector._log_s = arrays["past"], arrays["log_s"]
        return detector
