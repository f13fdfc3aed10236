"""Tell whether a model's controller has earned more freedom: from observe to recommend to enforce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_clinical.rollback.audit import AuditEvent

DAY: Final = 86_400.0
OBSERVED: Final = 14 * DAY
"""Seconds that the controller must have watched without acting."""
PRACTISED: Final = 45 * DAY
"""Age in seconds at which a drill counts no more."""
STARTED: Final = "controller.started"
JUDGED: Final = "decision.judged"
DRILLED: Final = "drill.passed"
_DECIDED: Final = frozenset({"decision.rollback", "decision.safe_mode", "decision.hold"})


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

    `watching_since` is when it began to watch without acting, None while it acts; `decided` are the incidents for
    which it would have acted since then, `judged` what people said of them; times in Unix seconds.
    """

    watching_since: float | None
    decided: frozenset[str]
    judged: Mapping[str, bool]
    drilled: float | None


def read_record(events: Iterable[AuditEvent], model: str, incidents: Mapping[str, str]) -> Record:
    """Read the audit of one model, oldest event first.

    Args:
        events: The audit.
        model: Name of the model.
        incidents: The model by incident.
    """
    since: float | None = None
    drilled: float | None = None
    decided: set[str] = set()
    judged: dict[str, bool] = {}
    for event in events:
        if event.action == STARTED:
            mode = (event.data.get("mode") or {}).get(model)
            if mode == "enforce" or mode is None:
                since = None
            elif since is None:
                since, decided, judged = event.time, set(), {}
        elif event.action == DRILLED and event.object == model:
            drilled = event.time
        elif event.action in _DECIDED and incidents.get(event.object) == model:
            decided.add(event.object)
        elif event.action == JUDGED and incidents.get(event.object) == model:
            judged[event.object] = bool(event.data.get("right"))
    return Record(since, frozenset(decided), judged, drilled)


def conditions(record: Record, *, known_good: Iterable[str], serving: str | None, now: float) -> tuple[Condition, ...]:
    """Return every condition for acting automatically, met or not.

    Args:
        record: Of the model.
        known_good: Versions that the ledger holds known good.
        serving: The version that serves; another one must be known good.
        now: Unix seconds.
    """
    return (
        _observed(record, now),
        _judged(record),
        _practised(record, now),
        _somewhere_to_go(sorted(set(known_good) - {serving})),
    )


def _observed(record: Record, now: float) -> Condition:
    name = f"watched for {OBSERVED / DAY:g} days without acting"
    if record.watching_since is None:
        return Condition(name, met=False, found="it does not watch", todo="run the controller in mode observe")
    days = (now - record.watching_since) / DAY
    return Condition(name, days >= OBSERVED / DAY, f"{days:.1f} days", "let it run on")


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
    name = f"a drill passed within {PRACTISED / DAY:g} days"
    todo = "otel-clinical rollback drill MODEL …"
    if record.drilled is None:
        return Condition(name, met=False, found="never", todo=todo)
    days = (now - record.drilled) / DAY
    return Condition(name, days < PRACTISED / DAY, f"{days:.1f} days ago", todo)


def _somewhere_to_go(others: list[str]) -> Condition:
    todo = "otel-clinical release known-good MODEL VERSION …"
    return Condition("another version is known good", bool(others), ", ".join(others) or "none", todo)
