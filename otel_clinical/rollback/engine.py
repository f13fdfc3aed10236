"""Decide what an event means: a pure, latched state machine over one model.

`step` returns the new state and the records for the audit; `due` derives from the state alone what to do next.
Because work follows from stored state and not from remembered calls, a controller that is killed at any moment
resumes where it was. Automatic moves only ever reduce the reach of the AI, once per incident: intent first, then
compare-and-swap with a marker, then the note that it was made. `tests/rollback` checks that argument for every
interleaving of crash, duplicate alert and human, and that it fails without any one of its parts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from otel_clinical.release import most_restrictive
from otel_clinical.rollback import guards
from otel_clinical.rollback._intents import made, refused, unreachable
from otel_clinical.rollback._planning import incident_of, plan
from otel_clinical.rollback._records import Record, Setting, Step, Timing, close, put
from otel_clinical.rollback._verification import watch
from otel_clinical.rollback.alerts import Cause
from otel_clinical.rollback.decision import decide
from otel_clinical.rollback.events import (
    AlertSeen,
    ChangeMade,
    ChangeRefused,
    ClosedByPerson,
    Event,
    PointerSeen,
    RecoverySeen,
    Sampled,
)
from otel_clinical.rollback.state import (
    UNDECIDED,
    WATCHING,
    WORKING,
    Incident,
    IntentStatus,
    Key,
    ModelState,
    Sample,
)
from otel_clinical.semconv.enums import RollbackDecision, RollbackMode, RollbackState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.terms import Terms


@dataclass(frozen=True, slots=True)
class Look:
    """Work: look at Prometheus for an undecided incident."""

    incident: str


@dataclass(frozen=True, slots=True)
class Make:
    """Work: make a planned change, unless the target already carries it."""

    intent: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Work: look whether a rollback has helped."""

    incident: str


Work = Look | Make | Watch


def step(terms: Terms, state: ModelState, event: Event, now: float, timing: Timing | None = None) -> Step:
    """Return what `event` makes of `state` at Unix time `now`."""
    setting = Setting(terms, timing or Timing(), now)
    match event:
        case AlertSeen():
            result = _alert(setting, state, event)
        case Sampled():
            result = _sampled(setting, state, event)
        case ChangeMade():
            result = made(setting, state, event)
        case ChangeRefused():
            result = refused(setting, state, event)
        case RecoverySeen():
            result = watch(setting, state, event)
        case PointerSeen():
            result = _pointer(setting, state, event)
        case ClosedByPerson():
            result = _closed(setting, state, event)
        case _:
            result = unreachable(setting, state, event)
    return result


def due(terms: Terms, state: ModelState, now: float) -> tuple[Work, ...]:
    """Return the work whose time has come, the oldest incident first."""
    return tuple(work for at, work in _agenda(terms, state) if at <= now)


def next_due(terms: Terms, state: ModelState) -> float | None:
    """Return when there is work next, or None."""
    return min((at for at, _ in _agenda(terms, state)), default=None)


def _agenda(terms: Terms, state: ModelState) -> Iterator[tuple[float, Work]]:
    for incident in sorted(state.incidents.values(), key=lambda item: (item.opened_at, item.id)):
        if incident.state in WORKING:
            intent = state.planned(incident.id)
            if intent is not None:
                yield incident.next_at, Make(intent.id)
        elif incident.state in WATCHING:
            yield incident.next_at, Watch(incident.id)
        # An alert that has ended or fallen silent is not looked at again until it is heard of again.
        elif incident.state in UNDECIDED and _heard(terms, incident):
            yield incident.next_at, Look(incident.id)


def _heard(terms: Terms, incident: Incident) -> bool:
    return incident.firing and incident.next_at <= incident.last_seen + terms.maximum_alert_age


def _alert(setting: Setting, state: ModelState, event: AlertSeen) -> Step:
    alert, pointer, now = event.alert, event.pointer, setting.now
    version = alert.version or pointer.version
    key = Key(alert.model, alert.cause, alert.segment, pointer.activation)
    known = state.incidents.get(key.id)
    if version != pointer.version:
        data: dict[str, Any] = {"alert": alert.name, "version": version, "active": pointer.version}
        return Step(state) if event.pulled else Step(state, (Record("alert.stale", alert.model, data),))
    if known is not None and not (alert.firing and _only_recommended(setting.terms, state, known)):
        return _again(state, known, event, now)
    if not alert.firing:
        return Step(state)
    covering = _covering(setting.terms, state, event)
    if not covering:
        return _opened(state, key, event, now) if known is None else _reopened(state, known, event, now)
    data = {"alert": alert.name, **asdict(alert.segment)}
    silent = event.pulled or known is not None
    return Step(state) if silent else Step(state, (Record("alert.covered", covering, data),))


def _opened(state: ModelState, key: Key, event: AlertSeen, now: float) -> Step:
    alert = event.alert
    incident = Incident(
        key=key,
        version=alert.version or event.pointer.version,
        alert=alert.name,
        opened_at=now,
        starts_at=alert.starts_at,
        last_seen=now,
        next_at=now,
    )
    data = {"alert": asdict(alert), "activation": event.pointer.activation, "pulled": event.pulled}
    return Step(put(state, incident), (Record("incident.opened", incident.id, data),))


def _only_recommended(terms: Terms, state: ModelState, known: Incident) -> bool:
    """Tell whether all that was done for an incident is a note from before the controller was allowed to act."""
    recommended = known.state is RollbackState.RECOMMENDED and state.applied(known.id) is None
    return recommended and terms.mode is RollbackMode.ENFORCE


def _reopened(state: ModelState, known: Incident, event: AlertSeen, now: float) -> Step:
    """Decide anew what was recommended and still fires: facts and guards are those of now."""
    incident = Incident(
        key=known.key,
        version=known.version,
        alert=event.alert.name,
        opened_at=known.opened_at,
        starts_at=known.starts_at,
        last_seen=now,
        next_at=now,
        armed_at=now,
    )
    data = {"alert": event.alert.name, "recommended": known.closed_at, "pulled": event.pulled}
    return Step(put(state, incident), (Record("incident.reopened", incident.id, data),))


def _again(state: ModelState, known: Incident, event: AlertSeen, now: float) -> Step:
    """Note that a known alert was heard of again: it can speed up a decision, never repeat an action."""
    firing = event.alert.firing
    if known.closed_at is not None and firing is known.firing:
        return Step(state)
    heard = replace(
        known,
        firing=firing,
        last_seen=now if firing else known.last_seen,
        starts_at=min(known.starts_at, event.alert.starts_at),
        next_at=min(known.next_at, now) if firing and not known.firing else known.next_at,
    )
    # Alertmanager repeats itself every minute, and each request is audited already: what counts is the change.
    if firing is known.firing:
        return Step(put(state, heard))
    data = {"alert": event.alert.name, "state": known.state, "pulled": event.pulled}
    return Step(put(state, heard), (Record("alert.fires" if firing else "alert.resolved", known.id, data),))


def _covering(terms: Terms, state: ModelState, event: AlertSeen) -> str:
    """Return whose change already covers this alert, or an empty string.

    A change of the whole model covers its segments; a rule that people have not lifted covers its segment, under
    whatever version.
    """
    needed = terms.on_breach if event.alert.cause is Cause.INPUT else terms.on_environment
    for rule in event.pointer.rules:
        if rule.segment == event.alert.segment and _as_strict(rule.route, needed):
            return incident_of(rule.marker) or event.alert.model
    # What was only recommended covers nothing once the controller may act.
    void = {IntentStatus.SUPERSEDED}
    if terms.mode is RollbackMode.ENFORCE:
        void.add(IntentStatus.SKIPPED)
    for intent in state.intents.values():
        whole = intent.change.segment is None and intent.status not in void
        if not whole or intent.activation != event.pointer.activation:
            continue
        route = intent.change.route
        if intent.change.activates or (route and _as_strict(route, needed)):
            return intent.incident
    return ""


def _as_strict(route: str, needed: str) -> bool:
    return most_restrictive((route, needed)) == route


def _sampled(setting: Setting, state: ModelState, event: Sampled) -> Step:
    incident, sample, pointer = state.incidents[event.incident], event.sample, event.pointer
    timing, now = setting.timing, setting.now
    if incident.state not in UNDECIDED:
        return Step(state)
    if (pointer.version, pointer.activation) != (incident.version, incident.key.activation):
        return _stale(state, incident, pointer, now)
    first = incident.first
    if first is None or sample.taken_at - first.taken_at > timing.patience + timing.retry:
        first = sample
    if _awaits_evaluation(timing, first, sample) or state.changing:
        waiting = replace(incident, first=first, last=sample, next_at=now + timing.confirm)
        return Step(put(state, waiting))
    reports = guards.evaluate(setting.terms, incident, pointer, first, sample)
    looked = replace(incident, first=sample, last=sample, attempts=incident.attempts + 1, guards=reports)
    if not guards.all_pass(reports):
        return _inconclusive(setting, state, incident, looked)
    return _decided(setting, state, replace(looked, first=first), pointer)


def _pointer(setting: Setting, state: ModelState, event: PointerSeen) -> Step:
    """Close undecided incidents of versions that no longer serve: nobody will speak of them again."""
    result = Step(state)
    for incident in state.incidents.values():
        if incident.state in UNDECIDED and incident.key.activation != event.pointer.activation:
            closed = _stale(result.state, incident, event.pointer, setting.now)
            result = Step(closed.state, (*result.records, *closed.records))
    return result


def _closed(setting: Setting, state: ModelState, event: ClosedByPerson) -> Step:
    """Let a person close what waits for a person; a change under way or verified goes on."""
    incident = state.incidents.get(event.incident)
    if incident is None or incident.state not in UNDECIDED:
        return Step(state)
    closed = close(incident, RollbackState.OVERRIDDEN, setting.now, f"closed by {event.by}: {event.reason}")
    data = {"by": event.by, "reason": event.reason, "state": incident.state}
    return Step(put(state, closed), (Record("incident.closed", incident.id, data),))


def _awaits_evaluation(timing: Timing, first: Sample, sample: Sample) -> bool:
    """Tell whether the only thing missing is that Prometheus evaluates the alert once more."""
    if first.evaluated_at is None or sample.evaluated_at is None:
        return False
    return sample.evaluated_at <= first.evaluated_at and sample.taken_at - first.taken_at < timing.patience


def _stale(state: ModelState, incident: Incident, pointer: ReleasePointer, now: float) -> Step:
    closed = replace(
        close(incident, RollbackState.STALE, now, "another version serves by now"),
        decision=RollbackDecision.STALE,
    )
    data = {"version": pointer.version, "activation": pointer.activation}
    return Step(put(state, closed), (Record("incident.stale", incident.id, data),))


def _inconclusive(setting: Setting, state: ModelState, before: Incident, looked: Incident) -> Step:
    waiting = replace(
        looked,
        state=RollbackState.INCONCLUSIVE,
        decision=RollbackDecision.INCONCLUSIVE,
        next_at=setting.now + setting.timing.retry,
        reason="; ".join(f"{r.guard}: {r.because}" for r in looked.guards if r.result != "pass"),
    )
    # A guard that stays undecided for days is audited when its result changes, not at every look.
    if [(r.guard, r.result) for r in before.guards] == [(r.guard, r.result) for r in looked.guards]:
        return Step(put(state, waiting))
    return Step(put(state, waiting), (_decision_record("decision.inconclusive", waiting, page=True),))


def _decided(setting: Setting, state: ModelState, looked: Incident, pointer: ReleasePointer) -> Step:
    sample = looked.last or Sample(setting.now)
    decision = decide(setting, state, looked, sample, pointer)
    decided = replace(looked, decision=decision.decision, cause=decision.cause, reason=decision.reason)
    planned = plan(setting, state, decided, decision.change, pointer)
    record = _decision_record(f"decision.{decision.decision}", decided)
    return Step(planned.state, (record, *planned.records))


def _decision_record(action: str, incident: Incident, *, page: bool = False) -> Record:
    data = {
        "decision": incident.decision,
        "cause": incident.cause,
        "reason": incident.reason,
        "guards": [asdict(report) for report in incident.guards],
        "evidence": asdict(incident.last) if incident.last else None,
    }
    return Record(action, incident.id, data, page=page)
