"""What the detectors on frozen bins have in common: count, look, bet."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from river import base

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors._betting import LOG_CEILING, as_number
from otel_clinical.drift.detectors._looks import SLACK, log_bet, next_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_VERSION: Final = 1


class HistogramDetector(base.DriftDetector):
    """Compare the bins of every `window` values with the bins of a frozen reference.

    Each look gives a p-value that is valid for its number of values, for "no further from the reference than
    tolerated". The p-values are bet on one after the other: with a threshold of A, the expected number of looks
    between false alarms is at least A.

    Args:
        reference: Values of the reference in each bin.
        tolerance: Distance that is tolerated for ever.
        window: Values of a look.
        threshold: Looks between false alarms, at least.

    Attributes:
        distance: Of the last look, without what chance explains.
        rejected: Values that are no bin; they change nothing.
    """

    kind = "histogram"

    def __init__(
        self,
        reference: Sequence[float] = (1.0, 1.0),
        tolerance: float = 0.05,
        window: int = 200,
        threshold: float = 1e4,
    ) -> None:
        super().__init__()
        self.reference = np.array(reference, np.float64)
        if self.reference.ndim != 1 or len(self.reference) < 2 or not self.reference.sum() > 0:  # noqa: PLR2004  -- one bin has no shape
            raise ValueError(f"reference {reference!r}: expected the counts of two bins or more")
        if not (np.isfinite(self.reference).all() and (self.reference >= 0).all()):
            raise ValueError(f"reference {reference!r}: expected counts from 0 on")
        self.tolerance = tolerance
        self.window = window
        self.threshold = threshold
        self.distance = 0.0
        self.rejected = 0
        self._counts = np.zeros(len(self.reference), np.int64)
        self._log_s = -math.inf

    @property
    def evidence(self) -> float:
        """Evidence over its threshold; 1 or more is proof."""
        return math.exp(min(self._log_s - math.log(self.threshold), LOG_CEILING))

    def update(self, x: float) -> None:
        """Take one value: the index of its bin."""
        value = as_number(x)
        place = int(value) if math.isfinite(value) and value.is_integer() else -1
        if not 0 <= place < len(self._counts):
            self.rejected += 1
            return
        self._drift_detected = False
        self._counts[place] += 1
        if int(self._counts.sum()) >= self.window:
            self.look(self._counts)
            self._counts = np.zeros_like(self._counts)

    def look(self, counts: NDArray[np.int64]) -> None:
        """Bet on the counts of one look."""
        p, self.distance = self.test(counts)
        ceiling = math.log(self.threshold) + SLACK
        self._log_s = float(next_log(np.array(self._log_s), log_bet(p), ceiling))
        self._drift_detected = self._log_s >= math.log(self.threshold)

    @abstractmethod
    def test(self, counts: NDArray[np.int64]) -> tuple[float, float]:
        """Return (p-value, distance beyond chance) of the counts of one look."""

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        fields = [self.tolerance, self.window, self.threshold, self.distance, self.rejected, self._log_s]
        meta: dict[str, Any] = {"fields": fields, "detected": bool(self._drift_detected)}
        return pack(self.kind, _VERSION, meta, {"reference": self.reference, "counts": self._counts, **self._arrays()})

    @classmethod
    def loads(cls, data: bytes) -> Self:
        """Return the detector that `dumps` saved.

        Raises:
            CodecError: `data` is damaged, or something else.
        """
        meta, arrays = unpack(data, cls.kind, _VERSION)
        tolerance, window, threshold, distance, rejected, log_s = meta["fields"]
        detector = cls(arrays["reference"].tolist(), tolerance, window, threshold)
        detector.distance, detector.rejected, detector._log_s = distance, rejected, log_s
        detector._counts, detector._drift_detected = arrays["counts"], meta["detected"]
        detector._restore(arrays)
        return detector

    def _arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return what a subclass saves besides."""
        return {}

    def _restore(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        """Take over what a subclass saved."""
