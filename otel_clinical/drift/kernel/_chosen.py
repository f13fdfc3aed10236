"""Detectors that the policy adds: fed value by value behind a guard, shown as flags, never as proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors import DETECTORS, GuardedDetector
from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.drift.kernel._rows import DriftDetected, DriftRow
from otel_clinical.drift.kernel._signals import COLUMNS, PERFORMANCE
from otel_clinical.semconv.enums import DriftDetector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey
    from otel_clinical.policy import DetectorPolicy

CHOSEN: Final = "chosen"
"""First part of the keys of saved states."""
_OURS: Final = {name.value: name for name in DETECTORS}
_KIND, _VERSION = "chosen", 1


@dataclass
class Chosen:
    """One added detector of one (model, version, activation, segment, value).

    Attributes:
        declared: What the policy says of it.
        detector: The detector behind its guard.
        detections: How often it fired.
        detected: Event time of the newest detection, microseconds; None before the first.
    """

    declared: DetectorPolicy
    detector: GuardedDetector
    detections: int = 0
    detected: int | None = None

    @classmethod
    def fresh(cls, declared: DetectorPolicy) -> Chosen:
        """Return the detector before the first value.

        Raises:
            DetectorError: It cannot be made.
        """
        return cls(declared, GuardedDetector(declared.name, dict(declared.parameters)))

    def feed(self, values: NDArray[np.int32], time: int) -> bool:
        """Take one slot's values (millionths, in order); say whether it fired."""
        before = self.detections
        for value in (values[values != ABSENT] / MICRO).tolist():
            self.detector.update(value)
            if self.detector.drift_detected:
                self.detections += 1
                self.detected = time
        return self.detections > before

    def row(self, plan: ModelPlan, version: str, key: SegmentKey, now: int) -> DriftRow:
        """Return what it says; it has no score that could be compared with others."""
        active = self.detected is not None and now - self.detected < plan.times.hold
        seconds = None if self.detected is None else self.detected / 1e6
        word = _OURS.get(self.declared.name, DriftDetector.OTHER)
        return DriftRow(plan.name, version, *key, named(self.declared), word, active, 0.0, self.detections, seconds)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "declared": self.declared.model_dump(mode="json"),
            "counts": [self.detections, self.detected],
        }
        return pack(_KIND, _VERSION, meta, {"detector": np.frombuffer(self.detector.dumps(), np.uint8)})

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if it had other parameters.

        Raises:
            CodecError: `data` is damaged.
            DetectorError: The detector does not read its state.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        if meta["declared"] != self.declared.model_dump(mode="json"):
            return False
        self.detector = GuardedDetector.loads(arrays["detector"].tobytes())
        self.detections, self.detected = meta["counts"]
        return True


class ChosenDetectors:
    """The added detectors of one (model, version, activation).

    Args:
        plan: The model.
        version: The version.
    """

    def __init__(self, plan: ModelPlan, version: str) -> None:
        self._plan = plan
        self._version = version
        self._declared = {named(one): one for one in plan.policy.detectors}
        self._made: dict[tuple[str, SegmentKey], Chosen] = {}

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """The key of every state."""
        return [(CHOSEN, signal, *key) for signal, key in self._made]

    def knows(self, signal: str) -> bool:
        """Tell whether the policy still declares it."""
        return signal in self._declared

    def state(self, signal: str, key: SegmentKey) -> Chosen:
        """Return one detector."""
        if (signal, key) not in self._made:
            self._made[signal, key] = Chosen.fresh(self._declared[signal])
        return self._made[signal, key]

    def feed(
        self, rows: NDArray[np.void], end: int, *, outcomes: bool
    ) -> Iterator[tuple[tuple[str, ...], DriftDetected | None]]:
        """Feed one slot's records; yield the key of every state that changed, with its detection."""
        chosen = self._values(rows, outcomes=outcomes)
        if not chosen:
            return
        for key, where in self._plan.split(rows):
            for signal, values in chosen.items():
                one = self.state(signal, key)
                fired = one.feed(values[where], end)
                row = one.row(self._plan, self._version, key, end) if fired else None
                yield (CHOSEN, signal, *key), None if row is None else DriftDetected(end / 1e6, row)

    def _values(self, rows: NDArray[np.void], *, outcomes: bool) -> dict[str, NDArray[np.int32]]:
        """Return by detector what it is fed, millionths."""
        if not self._declared:
            return {}
        columns = {PERFORMANCE: "score"} if outcomes else COLUMNS
        found = {signal: rows[columns[one.signal]] for signal, one in self._declared.items() if one.signal in columns}
        for place, feature in enumerate(() if outcomes else self._plan.policy.feature_set.features):
            names = [signal for signal, one in self._declared.items() if one.feature == feature.name]
            if names:
                bins = rows["features"][:, place].astype(np.int64)
                middle = (2 * bins + 1) * MICRO // (2 * feature.bins)
                found |= dict.fromkeys(names, np.where(bins < feature.bins, middle, ABSENT).astype(np.int32))
        return found

    def rows(self, now: int) -> Iterator[DriftRow]:
        """Yield every detector."""
        for (_, key), one in self._made.items():
            yield one.row(self._plan, self._version, key, now)


def named(declared: DetectorPolicy) -> str:
    """Return signal and detector in one word: two detectors may watch one signal."""
    return f"{declared.signal}:{declared.name}"
