"""Signals that need no labels: confidence and input quality of one stream of inferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import holds, pack_bytes, unpack
from otel_clinical.drift.detectors import GuardedADWIN
from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.policy import Baseline, Spread

CONFIDENCE: Final = "confidence"
INPUT_QUALITY: Final = "input_quality"
PERFORMANCE: Final = "performance"
CALIBRATION: Final = "calibration"
SEGMENT_MIX: Final = "segment_mix"
COLUMNS: Final = {CONFIDENCE: "confidence", INPUT_QUALITY: "quality"}
"""Column of a record that holds each signal."""

_DELTA: Final = 1e-5  # inferences are many: River's default would alarm every few days
_NOTICEABLE: Final = 0.25  # standard deviations from the baseline below which a change is no news
_KIND, _VERSION = "signal", 1


@dataclass
class Signal:
    """ADWIN on one signal of one (model, version, activation, segment, value).

    Attributes:
        name: `confidence` or `input_quality`.
        detector: Guarded ADWIN, standardised by the baseline.
        detections: Detections that were noticeable, and for the input quality downwards.
        detected: Event time of the newest of them, microseconds; None before the first.
    """

    name: str
    detector: GuardedADWIN
    detections: int = 0
    detected: int | None = None

    @classmethod
    def fresh(cls, name: str, baseline: Baseline) -> Signal:
        """Return the signal before the first value."""
        return cls(name, GuardedADWIN(*_standard(name, baseline), _DELTA))

    def feed(self, values: NDArray[np.int32], time: int) -> bool:
        """Take one slot's values (millionths, in order); say whether something noticeable changed.

        `time` is the event time of the last one, microseconds.
        """
        return self.feed_clipped(self.clipped(values[values != ABSENT]), time)

    def clipped(self, values: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return values (millionths) in standard deviations from the baseline, cut off: alike in all its segments."""
        detector = self.detector
        return np.clip((values / MICRO - detector.mean) / detector.sd, -detector.clip, detector.clip)

    def feed_clipped(self, z: NDArray[np.float64], time: int) -> bool:
        """Do what `feed` does with what `clipped` returned."""
        detector, before = self.detector, self.detections
        for _ in detector.update_clipped(z):
            if self._matters(detector.recent):
                self.detections += 1
                self.detected = time
        return self.detections > before

    @property
    def few(self) -> bool:
        """Whether it has seen too few values to be shown."""
        # After a detection the window begins anew, and many were seen before.
        return not self.detector.detections and self.detector.width < SMALL_CELL

    def _matters(self, shift: float) -> bool:
        return shift <= -_NOTICEABLE or (shift >= _NOTICEABLE and self.name == CONFIDENCE)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        detected = "null" if self.detected is None else self.detected
        meta = f'{{"detected":{detected},"detections":{self.detections}}}'
        return pack_bytes(_KIND, _VERSION, meta.encode(), "detector", self.detector.dumps())

    @staticmethod
    def goes_on(data: bytes, name: str, baseline: Baseline) -> bool:
        """Say whether `loads` would take over `data` under this baseline; False if that is not certain."""
        mean, sd = _standard(name, baseline)
        return holds(data, _KIND, _VERSION, *GuardedADWIN.signs(mean, sd, _DELTA))

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if it was standardised by another baseline.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        detector = GuardedADWIN.loads(arrays["detector"].tobytes())
        mine = self.detector
        if (detector.mean, detector.sd, detector.delta) != (mine.mean, mine.sd, mine.delta):
            return False
        self.detector, self.detections, self.detected = detector, meta["detections"], meta["detected"]
        return True


def _standard(name: str, baseline: Baseline) -> tuple[float, float]:
    """Return (mean, standard deviation) of a signal in the reference."""
    spread: Spread | None = baseline.confidence if name == CONFIDENCE else baseline.quality
    return (0.5, 0.25) if spread is None else (spread.mean, spread.sd)
