"""Tell whether a model's controller has earned more freedom: from observe to recommend to enforce."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_clinical.policy import DRILL_EVERY
from otel_clinical.rollback.watching import BEGAN, RESUMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_clinical.rollback.audit import AuditEvent

DAY: Final = 86_400.0
_HOUR: Final = 3_600.0
_MINUTE: Final = 60.0
OBSERVED: Final = 14 * DAY
"""Seconds that the controller must have watched without acting."""
STARTED: Final = "controller.started"
ARMED: Final = "controller.armed"
JUDGED: Final = "decision.judged"
DRILLED: Final = "drill.passed"
_ORDERED: Final = "order.arm"
_DECIDED: Final = frozenset({"decision.rollback", "decision.safe_mode", "decision.hold"})
READ: Final = (STARTED, ARMED, _ORDERED, JUDGED, DRILLED, BEGAN, RESUMED, *sorted(_DECIDED))
"""Every action of the audit that counts."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold: what is wanted, what was found, and what to do where it does not hold."""

    name: str
    met: bool
    found: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What the audit says about one model.

    `since` and `ended` bound the last time in which it watched without acting (`ended` is None while it does), `missed`
    are the seconds of it in which it was down or blind; `decided` are the incidents for which it would have acted then,
    `judged` what people said of them; times in Unix seconds.
    """

    since: float | None
    decided: frozenset[str]
    judged: Mapping[str, bool]
    drilled: float | None
    ended: float | None = None
    missed: float = 0.0


@dataclass(slots=True)
class _Reading:
    """What is known while the audit is read, the oldest event first."""

    mode: str | None = None
    since: float | None = None
    ended: float | None = None
    missed: float = 0.0
    drilled: float | None = None
    decided: set[str] = field(default_factory=set)
    judged: dict[str, bool] = field(default_factory=dict)

    def watches(self, at: float) -> None:
        """Go on watching, or begin anew after it acted."""
        if self.since is None or self.ended is not None:
            self.since, self.ended, self.missed, self.decided, self.judged = at, None, 0.0, set(), {}

    def acts(self, at: float) -> None:
        """Act from now on."""
        if self.since is not None and self.ended is None:
            self.ended = at

    def misses(self, begin: float, end: float) -> None:
        """Leave out what of a time without a look lies in the time it watched."""
        if self.since is not None:
            self.missed += max(min(end, self.ended or end) - max(begin, self.since), 0.0)


def read_record(events: Iterable[AuditEvent], model: str, incidents: Mapping[str, str]) -> Record:
    """Read the audit of one model, oldest event first.

    Args:
        events: The audit.
        model: Name of the model.
        incidents: The model by incident.
    """
    found = _Reading()
    for event in events:
        if event.action == STARTED:
            _started(found, event, model)
        elif event.object == model:
            _said(found, event)
        elif event.action in _DECIDED and incidents.get(event.object) == model:
            found.decided.add(event.object)
        elif event.action == JUDGED and incidents.get(event.object) == model:
            found.judged[event.object] = bool(event.data.get("right"))
    decided, judged = frozenset(found.decided), found.judged
    return Record(found.since, decided, judged, found.drilled, found.ended, found.missed)


def _started(found: _Reading, event: AuditEvent, model: str) -> None:
    """Take up a start: in mode enforce it acts, unless it was not yet armed."""
    found.mode = (event.data.get("mode") or {}).get(model)
    armed = event.data.get("armed")
    acts = found.mode == "enforce" and (armed is None or model in armed)
    if found.mode is None or acts:
        found.acts(event.time)
    else:
        found.watches(event.time)


def _said(found: _Reading, event: AuditEvent) -> None:
    """Take up what is about the model itself."""
    match event.action:
        case "drill.passed":
            found.drilled = event.time
        case "controller.armed" | "order.arm" if found.mode == "enforce":
            found.acts(event.time)
        case "watch.began":
            found.misses(found.since or event.time, event.time)
        case "watch.resumed":
            found.misses(event.time - float(event.data.get("missed", 0.0)), event.time)
        case _:
            pass


def conditions(
    record: Record, *, until: float | None, known_good: Iterable[str], serving: str | None, now: float
) -> tuple[Condition, ...]:
    """Return every condition for acting automatically, met or not.

    Args:
        record: Of the model.
        until: When the model was last watched, None where that is not known.
        known_good: Versions that the ledger holds known good.
        serving: The version that serves; another one must be known good.
        now: Unix seconds.
    """
    return (
        _observed(record, until),
        _judged(record),
        _practised(record, now),
        _somewhere_to_go(sorted(set(known_good) - {serving})),
    )


def _observed(record: Record, until: float | None) -> Condition:
    name = f"watched for {OBSERVED / DAY:g} days without acting"
    if record.since is None or until is None:
        return Condition(name, met=False, found="it does not watch", todo="run the controller in mode observe")
    end = until if record.ended is None else min(until, record.ended)
    days = max(end - record.since - record.missed, 0.0) / DAY
    left_out = f", without {_days(record.missed)} in which it was down or blind" if record.missed >= _MINUTE else ""
    left = _days(max(OBSERVED - days * DAY, 0.0))
    return Condition(name, days >= OBSERVED / DAY, f"{_days(days * DAY)}{left_out}", f"let it run on for {left} more")


def _judged(record: Record) -> Condition:
    name = "no false decision while it watched"
    wrong = sorted(incident for incident in record.decided if record.judged.get(incident) is False)
    open_ = sorted(record.decided - set(record.judged))
    if wrong:
        found, todo = f"false: {', '.join(wrong)}", "find out why, mend the policy, and watch anew"
    elif open_:
        found = f"not judged: {', '.join(open_)}"
        todo = "otel-clinical rollback judge INCIDENT --right|--false --by NAME --reason TEXT --state DIR"
    else:
        found, todo = f"{len(record.decided)} decisions, all right" if record.decided else "it decided nothing", ""
    return Condition(name, not wrong and not open_, found, todo)


def _practised(record: Record, now: float) -> Condition:
    name = f"a drill passed within {DRILL_EVERY / DAY:g} days"
    todo = (
        "otel-clinical rollback drill MODEL --policy POLICY --alertmanager URL --controller URL "
        "--token-file FILE --state DIR --by NAME"
    )
    if record.drilled is None:
        return Condition(name, met=False, found="never", todo=todo)
    days = (now - record.drilled) / DAY
    return Condition(name, days < DRILL_EVERY / DAY, f"{_days(now - record.drilled)} ago", todo)


def _days(seconds: float) -> str:
    """Say a time in days, or in hours where it is less than one.

    >>> _days(3.25 * DAY), _days(5400.0)
    ('3.2 days', '1.5 h')
    """
    return f"{seconds / DAY:.1f} days" if seconds >= DAY else f"{seconds / _HOUR:.1f} h"


def _somewhere_to_go(others: list[str]) -> Condition:
    todo = "otel-clinical release known-good MODEL VERSION --state DIR --by NAME --reason TEXT"
    return Condition("another version is known good", bool(others), ", ".join(others) or "none", todo)
