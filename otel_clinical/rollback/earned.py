"""Ask what the controller has recorded whether a model has earned it that it acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.rollback.alerts import Cause
from otel_clinical.rollback.readiness import READ, Condition, conditions, read_record

if TYPE_CHECKING:
    from otel_clinical.rollback.state import ModelState
    from otel_clinical.rollback.store import Store


def readiness_of(store: Store, model: str, state: ModelState, serving: str | None, now: float) -> tuple[Condition, ...]:
    """Return every condition for acting on a model, met or not; `serving` is the version that serves it."""
    # What people ordered says nothing about how well the controller decides.
    keys = {item["id"]: item["key"] for item in store.incidents()}
    incidents = {incident: key["model"] for incident, key in keys.items() if key["cause"] != Cause.ORDERED}
    record = read_record(store.audit_of(READ), model, incidents)
    good = {version for version, release in state.releases.items() if release.good} - state.quarantined
    return conditions(record, until=store.watched(model), known_good=good, serving=serving, now=now)


def unmet(found: tuple[Condition, ...]) -> tuple[str, ...]:
    """Say in words what is not met."""
    return tuple(f"{condition.name}: {condition.found}" for condition in found if not condition.met)
