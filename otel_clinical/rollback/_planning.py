"""Write down a change before it is made."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback._records import Record, Setting, Step, close, put
from otel_clinical.rollback.state import Incident, Intent, IntentStatus, ModelState
from otel_clinical.semconv.enums import RollbackMode, RollbackState

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.targets import Change

_MARKER: Final = re.compile(r"rb-([0-9a-f]{12})-\d+")


def plan(setting: Setting, state: ModelState, incident: Incident, change: Change, pointer: ReleasePointer) -> Step:
    """Plan `change` for `incident`; in the modes that do not act, note what would have been done."""
    intent = Intent(
        id=_marker(state, incident),
        incident=incident.id,
        change=change,
        from_version=pointer.version,
        activation=pointer.activation,
        epoch=pointer.epoch,
        planned_at=setting.now,
    )
    held = disarmed(state, setting.now)
    if incident.approved_by or (setting.terms.mode is RollbackMode.ENFORCE and held is None):
        return _begin(setting, state, incident, intent)
    intent = replace(intent, status=IntentStatus.SKIPPED)
    incident = close(incident, RollbackState.RECOMMENDED, setting.now)
    page = setting.terms.mode is RollbackMode.RECOMMEND or held is not None
    record = _record("change.recommended", intent, page=page)
    return Step(put(state, incident, intent), (record,))


def _begin(setting: Setting, state: ModelState, incident: Incident, intent: Intent) -> Step:
    """Act at once, or announce the action where people may veto it for a while."""
    veto = 0.0 if incident.approved_by or incident.verify_by is not None else setting.terms.veto
    act_at = setting.now + veto
    begun = RollbackState.ANNOUNCED if veto else RollbackState.ROLLING_BACK
    incident = replace(incident, state=begun, next_at=act_at, act_at=act_at if veto else None)
    record = _record("change.announced" if veto else "change.planned", intent, page=bool(veto))
    if veto:
        record = replace(record, data={**record.data, "act_at": act_at})
    return Step(put(state, incident, intent), (record,))


def _marker(state: ModelState, incident: Incident) -> str:
    """Name the intent; it follows from stored state, so that a repeated step cannot invent a second one."""
    earlier = sum(intent.incident == incident.id for intent in state.intents.values())
    return f"rb-{incident.id.removeprefix('INC-')}-{earlier + 1}"


def incident_of(marker: str) -> str:
    """Return the incident that a marker names, or an empty string for a marker that is not ours.

    >>> incident_of("rb-0123456789ab-1")
    'INC-0123456789ab'
    """
    found = _MARKER.fullmatch(marker)
    return f"INC-{found[1]}" if found else ""


def _record(action: str, intent: Intent, *, page: bool = False) -> Record:
    data = {
        "intent": intent.id,
        "change": asdict(intent.change),
        "from_version": intent.from_version,
        "activation": intent.activation,
        "epoch": intent.epoch,
    }
    return Record(action, intent.incident, data, page=page)
