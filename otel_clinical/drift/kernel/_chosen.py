"""Detectors that the policy adds: fed value by value behind a guard, shown as flags, never as proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors import DETECTORS, GuardedDetector
from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.drift.kernel._rows import DriftDetected, DriftRow
from otel_clinical.drift.kernel._signals import CALIBRATION, COLUMNS, PERFORMANCE
from otel_clinical.semconv.enums import DriftDetector
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey
    from otel_clinical.features import Feature
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
        fed: Values that it was given.
    """

    declared: DetectorPolicy
    detector: GuardedDetector
    detections: int = 0
    detected: int | None = None
    fed: int = 0

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
            self.fed += 1
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
        stream = plan.name, version, *key, named(self.declared)
        return DriftRow(*stream, word, active, 0.0, self.detections, seconds, small=self.fed < SMALL_CELL)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "declared": self.declared.model_dump(mode="json"),
            "counts": [self.detections, self.detected],
            "fed": self.fed,
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
        self.fed = meta.get("fed", SMALL_CELL)  # those that did not count them were as good as never so small
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
                told = None if row is None or row.small else DriftDetected(end / 1e6, row)
                yield (CHOSEN, signal, *key), told

    def _values(self, rows: NDArray[np.void], *, outcomes: bool) -> dict[str, NDArray[np.int32]]:
        """Return by detector what it is fed, millionths."""
        if not self._declared:
            return {}
        columns = {name: rows[column] for name, column in ({PERFORMANCE: "score"} if outcomes else COLUMNS).items()}
        if outcomes:
            columns[CALIBRATION] = _too_sure(rows)
        found = {signal: columns[one.signal] for signal, one in self._declared.items() if one.signal in columns}
        for place, feature in enumerate(() if outcomes else self._plan.policy.feature_set.features):
            for signal, one in self._declared.items():
                if one.feature == feature.name:
                    found[signal] = _in_feature(feature, one.value, rows["features"][:, place].astype(np.int64))
        return found

    def rows(self, now: int) -> Iterator[DriftRow]:
        """Yield every detector."""
        for (_, key), one in self._made.items():
            yield one.row(self._plan, self._version, key, now)


def _too_sure(rows: NDArray[np.void]) -> NDArray[np.int32]:
    """Return half of one more than confidence less score, in millionths: a half where they agree."""
    confidence, score = rows["confidence"].astype(np.int64), rows["score"].astype(np.int64)
    found = np.where(confidence == ABSENT, ABSENT, (MICRO + confidence - score) // 2)
    return np.asarray(found.astype(np.int32))


def _in_feature(feature: Feature, value: str | None, bins: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the middle of each bin, or whether it is that of `value`, in millionths."""
    what = (2 * bins + 1) * MICRO // (2 * feature.bins)
    if value is not None:
        what = np.where(bins == feature.words.index(value), MICRO, 0)
    return np.asarray(np.where(bins < feature.bins, what, ABSENT).astype(np.int32))


def named(declared: DetectorPolicy) -> str:
    """Return signal and detector in one word: two detectors may watch one signal."""
    return f"{declared.signal}:{declared.name}"
