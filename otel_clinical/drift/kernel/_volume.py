"""Volume heartbeat: inferences of a model, and of each of its sources, against the same hour of the weeks before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors import VolumeDetector
from otel_clinical.drift.explode._batch import Kind
from otel_clinical.drift.kernel._plan import part_of
from otel_clinical.drift.kernel._rows import VolumeRow
from otel_clinical.policy import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey
    from otel_clinical.policy import ModelPolicy, Policy

VOLUME: Final = "volume"
"""First part of the keys of saved states: of everything that changes when an hour ends."""
RUNNING: Final = "volume_hour"
"""The same, of the hour that has not ended: it changes with every slot, and is a thousandth of the rest."""
_HOUR: Final = 3_600_000_000  # microseconds
_WEEK: Final = 168 * _HOUR
_YEAR: Final = 365.25 * 24 * _HOUR
_KEEP: Final = 4  # weeks that are compared with
_KIND, _VERSION = "volume", 1


def watched_sources(model: ModelPolicy) -> tuple[str, ...]:
    """Return the declared values of the segment that names where the input comes from."""
    return tuple(sorted(model.segments.get(model.input_quality.by, ())))


def volume_thresholds(policy: Policy, slot: int) -> dict[str, float]:
    """Return by model the evidence that is proof: years of its budget times hours of all streams in a year."""
    streams = sum(1 + len(watched_sources(model)) for model in policy.models.values())
    yearly = streams * _YEAR / max(_HOUR, slot)
    return {name: max(model.volume.false_alarms.years * yearly, 1.0) for name, model in policy.models.items()}


class Volume:
    """Counts of one model, all versions together, hour by hour of event time.

    A day at a time where slots are as long as that. The first hour is left out: it may have begun before the first
    record. An hour without any record counts as 0 as soon as the watermark has passed it.

    Args:
        plan: The model.
        threshold: Evidence that is proof.
    """

    def __init__(self, plan: ModelPlan, threshold: float) -> None:
        self._plan = plan
        self._width = max(_HOUR, plan.times.slot)
        limits, name = plan.policy.volume, plan.policy.input_quality.by.value
        self.keys: tuple[SegmentKey, ...] = (
            (ALL, ALL),
            *((name, value) for value in watched_sources(plan.policy)),
        )
        season = max(_WEEK // self._width, 1)
        self._detectors = {
            key: VolumeDetector(season, _KEEP, limits.minimum_ratio, limits.maximum_ratio, threshold)
            for key in self.keys
        }
        self._hour: int | None = None
        self._counts = np.zeros(len(self.keys), np.int64)
        self._closed = np.full(len(self.keys), -1, np.int64)
        self._first = True

    def add(self, rows: NDArray[np.void], begin: int) -> bool:
        """Count one closed slot's records of the model, and say whether another hour began.

        `begin` is the begin of the slot, microseconds.
        """
        another = self.settle(begin)
        inference = rows["kind"] == Kind.INFERENCE
        total = int(inference.sum())
        if not total:
            return another
        if self._hour is None:
            another, self._hour = True, begin // self._width
            for detector in self._detectors.values():
                detector.skip(self._hour)
        found = {(ALL, ALL): total}
        for name in {name for name, _ in self.keys[1:]}:
            counts = self._plan.counts(rows["segments"][inference], name).tolist()
            found |= {(name, value): count for value, count in zip(self._plan.values(name), counts, strict=True)}
        self._counts += np.array([found.get(key, 0) for key in self.keys], np.int64)
        return another

    def settle(self, now: int) -> bool:
        """Close every hour that ended at or before `now`, microseconds; say whether there was any."""
        if self._hour is None or now // self._width <= self._hour:
            return False
        end = now // self._width
        # Past a season of nothing at all there is nothing left to compare with.
        for _ in range(min(end - self._hour, 2 * _KEEP * max(_WEEK // self._width, 1))):
            self._close()
        self._hour = end
        return True

    def _close(self) -> None:
        for place, detector in enumerate(self._detectors.values()):
            if self._first:
                detector.skip(1)
            else:
                detector.update(int(self._counts[place]))
        self._closed = np.full_like(self._counts, -1) if self._first else self._counts
        self._counts = np.zeros_like(self._counts)
        self._first = False

    def rows(self) -> Iterator[VolumeRow]:
        """Yield every stream."""
        for place, (key, detector) in enumerate(self._detectors.items()):
            silence, surge = detector.evidence
            count = int(self._closed[place])
            yield VolumeRow(self._plan.name, *key, count if count >= 0 else None, detector.expected, silence, surge)

    def dumps(self) -> bytes:
        """Return the state at the begin of the present hour as bytes."""
        states = [detector.dumps() for detector in self._detectors.values()]
        meta: dict[str, Any] = {
            "keys": [list(key) for key in self.keys],
            "width": self._width,
            "hour": self._hour,
            "first": self._first,
            "sizes": [len(state) for state in states],
        }
        arrays = {"counts": np.zeros_like(self._counts), "closed": self._closed}
        return pack(_KIND, _VERSION, meta, {**arrays, "detectors": np.frombuffer(b"".join(states), np.uint8)})

    def dumps_running(self) -> bytes:
        """Return what has been counted in the present hour as bytes."""
        return pack(RUNNING, _VERSION, {"hour": self._hour}, {"counts": self._counts})

    def loads_running(self, data: bytes) -> None:
        """Take over what was counted in the present hour, if it is the hour of the state that was taken over.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, RUNNING, _VERSION)
        if meta["hour"] == self._hour and arrays["counts"].shape == self._counts.shape:
            self._counts = arrays["counts"]

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if it counted other streams or hours, or with other limits.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        if [tuple(key) for key in meta["keys"]] != list(self.keys) or meta["width"] != self._width:
            return False
        raw, start, found = arrays["detectors"].tobytes(), 0, {}
        for key, size in zip(self.keys, meta["sizes"], strict=True):
            found[key] = VolumeDetector.loads(raw[start : start + size])
            start += size
        mine = next(iter(self._detectors.values()))
        if any((one.low, one.high) != (mine.low, mine.high) for one in found.values()):
            return False
        for detector in found.values():
            detector.threshold = mine.threshold
        self._detectors, self._hour, self._first = found, meta["hour"], meta["first"]
        self._counts, self._closed = arrays["counts"], arrays["closed"]
        return True


class Volumes:
    """The volume of every model.

    Args:
        plans: By the number of the model's name.
        policy: Gives the budget.
    """

    def __init__(self, plans: Mapping[int, ModelPlan], policy: Policy) -> None:
        self._plans = plans
        limits = volume_thresholds(policy, next(iter(plans.values())).times.slot)
        self._by_name = {plan.name: Volume(plan, limits[plan.name]) for plan in plans.values()}
        self._dirty: set[str] = set()
        self._begun: set[str] = set()  # those of which another hour began

    def add(self, rows: NDArray[np.void], begin: int) -> None:
        """Count one closed slot; `begin` is its begin, microseconds."""
        for number in np.flatnonzero(np.bincount(rows["model"])).tolist():
            plan = self._plans.get(number)
            if plan is not None:
                self._dirty.add(plan.name)
                if self._by_name[plan.name].add(part_of(rows, rows["model"] == number), begin):
                    self._begun.add(plan.name)

    def settle(self, now: int) -> None:
        """Close the hours of every model that ended at or before `now`, microseconds."""
        self._begun |= {name for name, volume in self._by_name.items() if volume.settle(now)}

    def rows(self) -> Iterator[VolumeRow]:
        """Yield every stream of every model, sorted."""
        for _, volume in sorted(self._by_name.items()):
            yield from volume.rows()

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the states that changed, by parts of their key."""
        found: dict[tuple[str, ...], bytes] = {(VOLUME, name): self._by_name[name].dumps() for name in self._begun}
        found |= {(RUNNING, name): self._by_name[name].dumps_running() for name in self._dirty | self._begun}
        self._dirty.clear()
        self._begun.clear()
        return found

    def load(self, kind: str, name: str, data: bytes) -> str | None:
        """Take over a state, those of `VOLUME` first; return why not if it cannot go on.

        Raises:
            CodecError: `data` is damaged.
        """
        volume = self._by_name.get(name)
        if kind == RUNNING:
            if volume is not None:
                volume.loads_running(data)
            return None
        if volume is None or not volume.loads(data):
            return f"{VOLUME} {name} begins anew: its sources, slots or limits have changed"
        return None
