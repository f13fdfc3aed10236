"""Keep what the lower tiers ask people to review: latched until somebody has taken care of it and clears it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback._records import Record, Setting, Step, close, put
from otel_clinical.rollback.state import REVIEW, Incident, Key, ModelState
from otel_clinical.semconv.enums import EscalationLevel, RollbackState

if TYPE_CHECKING:
    from otel_clinical.rollback.events import AlertSeen, ClosedByPerson

_STATES: Final = {
    EscalationLevel.ENGINEERING_REVIEW: RollbackState.ENGINEERING_REVIEW,
    EscalationLevel.GOVERNANCE_REVIEW: RollbackState.GOVERNANCE_REVIEW,
}
_ORDER: Final = tuple(_STATES.values())


def reviewed(setting: Setting, state: ModelState, event: AlertSeen, key: Key) -> Step:
    """Open a review, or raise it to the higher tier; never lower it, and never touch what was decided."""
    alert, now = event.alert, setting.now
    wanted = _STATES[alert.tier]
    known = state.incidents.get(key.id)
    if not alert.firing:
        return Step(state)
    if known is None:
        incident = Incident(
            key=key,
            version=alert.version or event.pointer.version,
            alert=alert.name,
            opened_at=now,
            starts_at=alert.starts_at,
            last_seen=now,
            state=wanted,
        )
        data = {"alert": alert.name, "activation": event.pointer.activation, "pulled": event.pulled}
        return Step(put(state, incident), (Record("review.opened", incident.id, data),))
    if known.state not in REVIEW or _ORDER.index(wanted) <= _ORDER.index(known.state):
        return Step(state)
    raised = replace(known, state=wanted, alert=alert.name, last_seen=now, acknowledged_at=None, acknowledged_by="")
    data = {"alert": alert.name, "from": known.state}
    return Step(put(state, raised), (Record("review.raised", raised.id, data),))


def cleared(setting: Setting, state: ModelState, incident: Incident, event: ClosedByPerson) -> Step:
    """Let a person clear a review that somebody acknowledged; the reason says on what evidence."""
    if incident.acknowledged_at is None:
        data = {"by": event.by, "problem": "a review is acknowledged before it is cleared"}
        return Step(state, (Record("order.refused", incident.id, data),))
    closed = close(incident, RollbackState.HEALTHY, setting.now, f"cleared by {event.by}: {event.reason}")
    data = {"by": event.by, "reason": event.reason, "state": incident.state}
    return Step(put(state, closed), (Record("review.cleared", incident.id, data),))
