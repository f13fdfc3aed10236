"""Time between rare events: have they become more frequent than is tolerated?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import base

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors._betting import LOG_CEILING, as_number
from otel_clinical.drift.detectors._looks import SLACK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FASTER: Final = (2.0, 4.0, 8.0)
"""How many times the tolerated rate is to be found fast."""
_KIND, _VERSION = "rare_event", 1


class RareEventDetector(base.DriftDetector):
    """E-detector on the time between events, the continuous-time Shiryaev-Roberts statistic of a Poisson process.

    A rate per week says nothing when events are weeks apart; the gaps say it at once. A bet on `times` the tolerated
    rate multiplies its capital by `times` at each event and shrinks at the rate (times - 1) between them; bets begin
    anew all the time. While the rate is no more than tolerated, the expected time to a false alarm is at least
    `budget`, however the rate came about and however often one looks.

    Args:
        gap: Mean time between events that is tolerated for ever.
        budget: Time between false alarms, at least; in the unit of `gap`.

    Example:
        >>> import random
        >>> rng = random.Random(2)
        >>> detector = RareEventDetector(gap=30.0, budget=3650.0)
        >>> days = 0.0
        >>> for number in range(60):
        ...     gap = rng.expovariate(1 / 40 if number < 30 else 1 / 5)
        ...     days += gap
        ...     detector.update(gap)
        ...     if detector.drift_detected:
        ...         print(f"proved at event {number}, {detector.recent:.0f} days between the last five")
        ...         break
        proved at event 31, 9 days between the last five

    References:
        Shiryaev. On optimum methods in quickest detection problems. Theory of Probability and Its Applications,
        8(1), 1963.
        Benneyan. Number-between g-type statistical quality control charts for monitoring adverse events. Health Care
        Management Science, 4, 2001.
    """

    def __init__(self, gap: float = 30.0, budget: float = 3650.0) -> None:
        super().__init__()
        if not (gap > 0.0 and budget > 0.0):
            raise ValueError(f"gap {gap}, budget {budget}: expected times above 0")
        self.gap = gap
        self.budget = budget
        self.rejected = 0
        self._last: list[float] = []
        self._log_s = np.full(len(FASTER), -np.inf)

    @property
    def evidence(self) -> float:
        """Evidence over its threshold just after the newest event; 1 or more is proof."""
        return self.after(0.0)

    @property
    def recent(self) -> float | None:
        """Mean time between the newest five events; None before the first."""
        return sum(self._last) / len(self._last) if self._last else None

    def after(self, quiet: float) -> float:
        """Return the evidence when nothing has happened for `quiet` since the newest event."""
        log = self._log_mean(self._waited(quiet))
        return math.exp(min(log - math.log(self.budget), LOG_CEILING))

    def update(self, x: float) -> None:
        """Take the time between the newest event and the one before."""
        gap = as_number(x)
        if not (math.isfinite(gap) and gap >= 0.0):
            self.rejected += 1
            return
        ceiling = math.log(self.budget * len(FASTER)) + SLACK
        self._log_s = np.minimum(self._waited(gap) + np.log(FASTER), ceiling)
        self._last = [*self._last[-4:], gap]
        self._drift_detected = self.evidence >= 1.0

    def _waited(self, quiet: float) -> Floats:
        """Return the logarithms of the statistics after a time without an event: S' = 1 - decay * S."""
        decay = (np.array(FASTER) - 1.0) / self.gap
        begun = -np.expm1(-decay * quiet) / decay  # bets that began meanwhile
        with np.errstate(divide="ignore"):
            return np.asarray(np.logaddexp(self._log_s - decay * quiet, np.log(begun)))

    def _log_mean(self, logs: Floats) -> float:
        return float(np.logaddexp.reduce(logs)) - math.log(len(FASTER))

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "parameters": [self.gap, self.budget],
            "state": [self.rejected, self._last, bool(self._drift_detected)],
        }
        return pack(_KIND, _VERSION, meta, {"log_s": self._log_s})

    @classmethod
    def loads(cls, data: bytes) -> RareEventDetector:
        """Return the detector that `dumps` saved.

        Raises:
            CodecError: `data` is damaged, or something else.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        detector = cls(*meta["parameters"])
        detector.rejected, detector._last, detector._drift_detected = meta["state"]
        detector._log_s = arrays["log_s"]
        return detector
