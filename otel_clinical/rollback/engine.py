"""Decide what an event means: a pure, latched state machine over one model.

`step` returns the new state and the records for the audit; `due` derives from the state alone what to do next.
Because work follows from stored state and not from remembered calls, a controller that is killed at any moment
resumes where it was. Automatic moves only ever reduce the reach of the AI, once per incident: intent first, then
compare-and-swap with a marker, then the note that it was made. `tests/rollback` checks that argument for every
interleaving of crash, duplicate alert and human, and that it fails without any one of its parts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.release import most_restrictive
from otel_clinical.rollback._arming import judged
from otel_clinical.rollback._blind import looked
from otel_clinical.rollback._intents import begun, made, refused, unreachable
from otel_clinical.rollback._memory import remembered
from otel_clinical.rollback._ordered import disarmed, ordered
from otel_clinical.rollback._planning import incident_of
from otel_clinical.rollback._records import Record, Setting, Step, Timing, close, put
from otel_clinical.rollback._releasing import seen
from otel_clinical.rollback._reviews import cleared, reviewed
from otel_clinical.rollback._sampling import sampled, stale
from otel_clinical.rollback._verification import watch
from otel_clinical.rollback.alerts import Cause
from otel_clinical.rollback.events import (
    AlertSeen,
    ChangeBegun,
    ChangeMade,
    ChangeRefused,
    ClosedByPerson,
    Event,
    HeartbeatLooked,
    PointerSeen,
    ReadinessSeen,
    RecoverySeen,
    ReleaseSeen,
    Sampled,
    TargetUnreachable,
)
from otel_clinical.rollback.orders import Order
from otel_clinical.rollback.state import (
    REVIEW,
    UNDECIDED,
    WATCHING,
    WORKING,
    Incident,
    IntentStatus,
    Key,
    ModelState,
    serving_in,
)
from otel_clinical.semconv.enums import EscalationLevel, RollbackMode, RollbackState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
    return _HANDLERS[type(event)](Setting(terms, timing or Timing(), now), state, event)


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
        elif incident.state in UNDECIDED and (incident.approved_by or _heard(terms, incident)):
            yield incident.next_at, Look(incident.id)


def _heard(terms: Terms, incident: Incident) -> bool:
    return incident.firing and incident.next_at <= incident.last_seen + terms.maximum_alert_age


def _alert(setting: Setting, state: ModelState, event: AlertSeen) -> Step:
    alert, pointer, now = event.alert, event.pointer, setting.now
    version = alert.version or pointer.version
    if alert.drill:
        return Step(state, () if event.pulled else (Record("drill.heard", alert.model, {"alert": asdict(alert)}),))
    key = Key(alert.model, alert.cause, alert.segment, pointer.activation)
    if version != pointer.version and version == serving_in(pointer, alert.segment):
        key = replace(key, cause=Cause.RESTORED)
    known = state.incidents.get(key.id)
    if key.cause is not Cause.RESTORED and version != pointer.version:
        data: dict[str, Any] = {"alert": alert.name, "version": version, "active": pointer.version}
        return Step(state) if event.pulled else Step(state, (Record("alert.stale", alert.model, data),))
    if alert.tier is not EscalationLevel.ROLLBACK:
        return reviewed(setting, state, event, key)
    if known is None or known.state in REVIEW or (alert.firing and _only_recommended(setting, state, known)):
        return _taken_up(setting, state, event, key) if alert.firing else Step(state)
    return _again(state, known, event, now)


def _taken_up(setting: Setting, state: ModelState, event: AlertSeen, key: Key) -> Step:
    """Open an incident, or take up again what lower tiers or other modes have left, unless a change covers it."""
    known, now = state.incidents.get(key.id), setting.now
    covering = _covering(setting, state, event)
    if not covering:
        if known is None:
            return _opened(state, key, event, now)
        return (_escalated if known.state in REVIEW else _reopened)(state, known, event, now)
    data = {"alert": event.alert.name, **asdict(event.alert.segment)}
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


def _escalated(state: ModelState, known: Incident, event: AlertSeen, now: float) -> Step:
    """Decide what was only under review: the drop is proved by the tier that may act."""
    incident = replace(
        known,
        state=RollbackState.DECIDING,
        # Whoever acknowledged a review did not say that they take care of this.
        acknowledged_at=None,
        acknowledged_by="",
        alert=event.alert.name,
        starts_at=event.alert.starts_at,
        last_seen=now,
        firing=True,
        next_at=now,
    )
    data = {"alert": event.alert.name, "from": known.state, "pulled": event.pulled}
    return Step(put(state, incident), (Record("incident.escalated", incident.id, data),))


def _only_recommended(setting: Setting, state: ModelState, known: Incident) -> bool:
    """Tell whether all that was done for an incident is a note from before the controller was allowed to act."""
    recommended = known.state is RollbackState.RECOMMENDED and state.applied(known.id) is None
    return recommended and _acts(setting, state)


def _acts(setting: Setting, state: ModelState) -> bool:
    return setting.terms.mode is RollbackMode.ENFORCE and disarmed(state, setting.now) is None


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
        undecided_since=None if firing and not known.firing else known.undecided_since,
    )
    # Alertmanager repeats itself every minute, and each request is audited already: what counts is the change.
    if firing is known.firing:
        return Step(put(state, heard))
    data = {"alert": event.alert.name, "state": known.state, "pulled": event.pulled}
    return Step(put(state, heard), (Record("alert.fires" if firing else "alert.resolved", known.id, data),))


def _covering(setting: Setting, state: ModelState, event: AlertSeen) -> str:
    """Return whose change already covers this alert, or an empty string.

    A change of the whole model covers its segments; a rule that people have not lifted covers its segment, under
    whatever version.
    """
    terms = setting.terms
    needed = terms.on_breach if event.alert.cause is Cause.INPUT else terms.on_environment
    for rule in event.pointer.rules:
        if rule.segment == event.alert.segment and _as_strict(rule.route, needed):
            return incident_of(rule.marker) or event.alert.model
    # What was only recommended covers nothing once the controller may act.
    void = {IntentStatus.SUPERSEDED}
    if _acts(setting, state):
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


def _pointer(setting: Setting, state: ModelState, event: PointerSeen) -> Step:
    """Close undecided incidents of versions that no longer serve: nobody will speak of them again."""
    result = remembered(setting, state, event.pointer)
    for incident in state.incidents.values():
        if incident.state in UNDECIDED | REVIEW and incident.key.activation != event.pointer.activation:
            closed = stale(result.state, incident, event.pointer, setting.now)
            result = Step(closed.state, (*result.records, *closed.records))
    return result


def _closed(setting: Setting, state: ModelState, event: ClosedByPerson) -> Step:
    """Let a person close what waits for a person; a change under way or verified goes on."""
    incident = state.incidents.get(event.incident)
    if incident is not None and incident.state in REVIEW:
        return cleared(setting, state, incident, event)
    if incident is None or incident.state not in UNDECIDED:
        return Step(state)
    closed = close(incident, RollbackState.OVERRIDDEN, setting.now, f"closed by {event.by}: {event.reason}")
    data = {"by": event.by, "reason": event.reason, "state": incident.state}
    return Step(put(state, closed), (Record("incident.closed", incident.id, data),))


_HANDLERS: Final[Mapping[type[Event], Callable[[Setting, ModelState, Any], Step]]] = {
    AlertSeen: _alert,
    Sampled: sampled,
    ChangeBegun: begun,
    ChangeMade: made,
    ChangeRefused: refused,
    TargetUnreachable: unreachable,
    RecoverySeen: watch,
    PointerSeen: _pointer,
    ClosedByPerson: _closed,
    Order: ordered,
    HeartbeatLooked: looked,
    ReleaseSeen: seen,
    ReadinessSeen: judged,
}
