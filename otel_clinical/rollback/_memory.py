"""Keep from acting where the release pointer carries a change of the controller that its store does not know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback._planning import incident_of
from otel_clinical.rollback._records import Record, Setting, Step
from otel_clinical.rollback.orders import OrderKind, Standing

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.state import ModelState

FORGOTTEN: Final = "forgotten"
"""Key of the note which changes were found and are not known, so that people who arm again are not contradicted."""


def remembered(setting: Setting, state: ModelState, pointer: ReleasePointer) -> Step:
    """Disarm the controller if it made a change that it does not remember: limits and incidents may be lost as well.

    Every change is on disk before it is made. One that is not there was lost with the end of a damaged database,
    with a backup that was put back, or belongs to a controller with another state directory.
    """
    found = {pointer.marker, *(rule.marker for rule in pointer.rules)}
    unknown = {marker for marker in found if incident_of(marker) and marker not in state.intents}
    noted = state.standing.get(FORGOTTEN)
    known = set(noted.about.split()) if noted is not None else set()
    if unknown <= known:
        return Step(state)
    named = " ".join(sorted(unknown - known))
    reason = f"the release pointer carries {named}, which this state directory does not know"
    by, now = ("controller",), setting.now
    note = Standing(FORGOTTEN, " ".join(sorted(unknown | known)), by, reason, now)
    standing = {**state.standing, FORGOTTEN: note}
    standing.setdefault(OrderKind.DISARM.value, Standing(OrderKind.DISARM.value, "", by, reason, now))
    data = {"markers": named, "version": pointer.version, "activation": pointer.activation, "reason": reason}
    return Step(replace(state, standing=standing), (Record("memory.lost", setting.terms.model, data, page=True),))
