"""Follow a planned change until it is known to be made, or known to be overtaken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback._records import Record, Setting, Step, close, put
from otel_clinical.rollback.state import ANNOUNCED, Incident, Intent, IntentStatus, ModelState
from otel_clinical.semconv.enums import RollbackDecision, RollbackState

if TYPE_CHECKING:
    from otel_clinical.rollback.events import ChangeBegun, ChangeMade, ChangeRefused, TargetUnreachable

_CONTAINED: Final = {
    RollbackDecision.HOLD: RollbackState.HOLD,
    RollbackDecision.SAFE_MODE: RollbackState.SAFE_MODE,
}


def begun(setting: Setting, state: ModelState, event: ChangeBegun) -> Step:
    """Close the time for a veto before the target is touched.

    After a kill between the change and its record a veto would otherwise stop what was already done.
    """
    intent = state.intents[event.intent]
    incident = state.incidents[intent.incident]
    if incident.state is not ANNOUNCED or intent.status is not IntentStatus.PLANNED:
        return Step(state)
    incident = replace(incident, state=RollbackState.ROLLING_BACK, next_at=setting.now, act_at=setting.now)
    return Step(put(state, incident), (Record("change.begun", incident.id, {"intent": intent.id}),))


def made(setting: Setting, state: ModelState, event: ChangeMade) -> Step:
    """Note that a change is in place, and what follows from it."""
    intent = state.intents[event.intent]
    incident = state.incidents[intent.incident]
    if intent.status is not IntentStatus.PLANNED:
        return Step(state)
    pointer = event.pointer
    intent = replace(
        intent,
        status=IntentStatus.APPLIED,
        applied_at=pointer.updated_at,
        new_activation=pointer.activation,
    )
    record = Record(
        "change.made",
        incident.id,
        {
            "intent": intent.id,
            "version": pointer.version,
            "activation": pointer.activation,
            "epoch": pointer.epoch,
            "route": pointer.route,
        },
        page=True,
    )
    incident = _after(setting, replace(incident, acted_at=incident.acted_at or setting.now), intent)
    if intent.change.activates:
        state = replace(state, quarantined=state.quarantined | {intent.from_version})
        quarantine = Record("version.quarantined", intent.from_version, {"incident": incident.id})
        return Step(put(state, incident, intent), (record, quarantine))
    if intent.change.version is not None and intent.change.segment is not None:
        failed = intent.from_version, intent.change.segment
        state = replace(state, quarantined_in=state.quarantined_in | {failed})
    return Step(put(state, incident, intent), (record,))


def _after(setting: Setting, incident: Incident, intent: Intent) -> Incident:
    """Return the incident as it goes on after its change: watched where a version came back, else closed."""
    change, now = intent.change, setting.now
    if change.version is None:
        contained = _CONTAINED.get(incident.decision) if incident.decision else None
        failed = incident.state is RollbackState.VERIFYING or incident.verify_by is not None
        final = RollbackState.MANUAL_ROUTE if failed or contained is None else contained
        return close(incident, final, now)
    # A label counts once it is mature, so recovery cannot be seen before the first labels are.
    verify_by = now + setting.terms.maturity + setting.terms.verify_within
    following = RollbackState.CONVERGING if change.activates else RollbackState.VERIFYING
    return replace(
        incident, state=following, converge_by=now + setting.terms.converge, verify_by=verify_by, next_at=now
    )


def refused(setting: Setting, state: ModelState, event: ChangeRefused) -> Step:
    """Yield to whoever changed the target first.

    Where our change certainly was not made and the same version still serves under the same activation,
    only routes or rules were edited: the incident is decided anew. In every other case a person chose.
    """
    intent = state.intents[event.intent]
    if intent.status is not IntentStatus.PLANNED:
        return Step(state)
    incident = state.incidents[intent.incident]
    pointer = event.pointer
    intent = replace(intent, status=IntentStatus.SUPERSEDED)
    data = {"intent": intent.id, "expected_epoch": intent.epoch, "found_epoch": pointer.epoch}
    data |= {"version": pointer.version, "activation": pointer.activation}
    if event.certain and pointer.activation == intent.activation:
        failing = incident.verify_by is not None
        again = RollbackState.VERIFYING if failing else RollbackState.INCONCLUSIVE
        incident = replace(incident, state=again, next_at=setting.now + (0 if failing else setting.timing.retry))
        return Step(put(state, incident, intent), (Record("change.conflicted", incident.id, data),))
    incident = close(incident, RollbackState.OVERRIDDEN, setting.now, "somebody else changed the deployment first")
    return Step(put(state, incident, intent), (Record("change.superseded", incident.id, data, page=True),))


def unreachable(setting: Setting, state: ModelState, event: TargetUnreachable) -> Step:
    """Keep trying while the target cannot be reached, and call for help once that lasts."""
    incident = state.incidents[event.incident]
    intent = state.planned(incident.id)
    waiting = replace(incident, next_at=setting.now + setting.timing.retry)
    if intent is None or incident.state is RollbackState.STUCK:
        return Step(put(state, waiting))
    # The time that people are given for a veto is not time in which the target was tried.
    if setting.now - max(intent.planned_at, incident.act_at or 0.0) < setting.terms.stuck:
        return Step(put(state, waiting))
    stuck = replace(waiting, state=RollbackState.STUCK, reason=event.problem)
    return Step(put(state, stuck), (Record("target.stuck", incident.id, {"problem": event.problem}, page=True),))
