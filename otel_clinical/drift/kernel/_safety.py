"""Safety events of a model: have they become more frequent than the policy tolerates?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.detectors import RareEventDetector
from otel_clinical.drift.explode._batch import Kind
from otel_clinical.drift.kernel._fed import Fed
from otel_clinical.drift.kernel._rows import SafetyRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._plan import ModelPlan
    from otel_clinical.policy import ModelPolicy, Policy

SAFETY: Final = "safety"
KNOWN: Final = "safety_known"
"""First parts of the keys of saved states."""
_SECOND: Final = 1e6  # microseconds
_YEAR: Final = 365.25 * 86_400.0
_KIND, _VERSION = "safety", 1


class Safety:
    """Time between the safety events of one model, all versions together.

    Args:
        model: Its policy.
        models: How many models share the budget.
    """

    def __init__(self, model: ModelPolicy, models: int) -> None:
        self.events = 0
        self.since: int | None = None
        self._detector = RareEventDetector(model.safety.tolerated_gap, model.safety.false_alarms.years * _YEAR * models)

    def begin(self, time: int) -> bool:
        """Let time begin to count, unless it does; say whether it does from now."""
        if self.since is not None:
            return False
        self.since = time
        return True

    def add(self, times: list[int]) -> None:
        """Take events at rising event times, microseconds."""
        for time in times:
            if self.since is not None:
                self._detector.update(max(time - self.since, 0) / _SECOND)
            self.since, self.events = max(time, self.since or time), self.events + 1

    def row(self, model: str, now: int) -> SafetyRow:
        """Return what is known at event time `now`, microseconds."""
        quiet = max(now - (self.since or now), 0) / _SECOND
        return SafetyRow(model, self.events, self._detector.recent, self._detector.after(quiet))

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta = {"events": self.events, "since": self.since}
        return pack(_KIND, _VERSION, meta, {"detector": np.frombuffer(self._detector.dumps(), np.uint8)})

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if another gap was tolerated.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        detector = RareEventDetector.loads(arrays["detector"].tobytes())
        if detector.gap != self._detector.gap:
            return False
        detector.budget = self._detector.budget
        self._detector, self.events, self.since = detector, meta["events"], meta["since"]
        return True


class SafetyLog:
    """The safety events of every model; each counts once, however late and however often it is reported.

    Args:
        plans: By the number of the model's name.
        policy: Gives the budget.
    """

    def __init__(self, plans: Mapping[int, ModelPlan], policy: Policy) -> None:
        self._plans = plans
        self._by_name = {name: Safety(model, len(policy.models)) for name, model in policy.models.items()}
        self._retention = next(iter(plans.values())).times.retention
        self.known = Fed()
        self._dirty: set[str] = set()

    def add(self, rows: NDArray[np.void], end: int) -> int:
        """Take one closed slot's records, in order; return how many events were known before."""
        for number in np.flatnonzero(np.bincount(rows["model"])).tolist():
            plan = self._plans.get(number)
            if plan is not None and self._by_name[plan.name].begin(end - plan.times.slot):
                self._dirty.add(plan.name)
        events = rows[rows["kind"] == Kind.SAFETY]
        new = events[~self.known.holds(events["event"])]
        for number in np.unique(new["model"]).tolist():
            plan = self._plans.get(number)
            if plan is not None:
                self._by_name[plan.name].add(new["effective"][new["model"] == number].tolist())
                self._dirty.add(plan.name)
        self.known.add(new["event"], end)
        self.known.forget(end - self._retention)
        return len(events) - len(new)

    def rows(self, now: int) -> Iterator[SafetyRow]:
        """Yield every model at event time `now`, microseconds, sorted."""
        for name, safety in sorted(self._by_name.items()):
            yield safety.row(name, now)

    def dump_dirty(self) -> dict[tuple[str, ...], bytes]:
        """Return the states that changed, by parts of their key."""
        found: dict[tuple[str, ...], bytes] = {(SAFETY, name): self._by_name[name].dumps() for name in self._dirty}
        self._dirty.clear()
        return found | {(KNOWN, hour): data for hour, data in self.known.dump_dirty().items()}

    def load(self, kind: str, name: str, data: bytes) -> str | None:
        """Take over a state; return why not if it cannot go on.

        Raises:
            CodecError: `data` is damaged.
        """
        if kind == KNOWN:
            self.known.load(name, data)
            return None
        safety = self._by_name.get(name)
        if safety is None or not safety.loads(data):
            return f"{SAFETY} {name} begins anew: another time between events is tolerated"
        return None
