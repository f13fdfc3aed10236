"""Write down a change before it is made."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

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
    if setting.terms.mode is RollbackMode.ENFORCE:
        incident = replace(incident, state=RollbackState.ROLLING_BACK, next_at=setting.now)
        return Step(put(state, incident, intent), (_record("change.planned", intent),))
    intent = replace(intent, status=IntentStatus.SKIPPED)
    incident = close(incident, RollbackState.RECOMMENDED, setting.now)
    record = _record("change.recommended", intent, page=setting.terms.mode is RollbackMode.RECOMMEND)
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
