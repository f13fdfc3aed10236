"""What a step of the engine leaves for the audit, and the small moves every step shares."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from otel_clinical.rollback.state import Incident, Intent, ModelState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.rollback.terms import Terms
    from otel_clinical.semconv.enums import RollbackState


@dataclass(frozen=True, slots=True)
class Record:
    """One audit event: what happened to which object. `page`: a person must look at it now."""

    action: str
    object: str
    data: Mapping[str, Any] = field(default_factory=dict)
    page: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The state after an event, and what to write into the audit."""

    state: ModelState
    records: tuple[Record, ...] = ()

    def then(self, *records: Record) -> Step:
        """Add records."""
        return replace(self, records=(*self.records, *records))


@dataclass(frozen=True, slots=True)
class Timing:
    """How often the controller looks again, in seconds.

    `confirm` while it waits for the second evaluation, `patience` how long it waits for one, `retry` after an
    inconclusive result or an unreachable target, `watch` while it verifies.
    """

    confirm: float = 1.0
    patience: float = 300.0
    retry: float = 15.0
    watch: float = 5.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What every step of the engine is given beside state and event; `now` in Unix seconds."""

    terms: Terms
    timing: Timing
    now: float


def put(state: ModelState, *changed: Incident | Intent) -> ModelState:
    """Return `state` with these incidents and intents in place of their earlier versions."""
    incidents, intents = dict(state.incidents), dict(state.intents)
    for item in changed:
        if isinstance(item, Incident):
            incidents[item.id] = item
        else:
            intents[item.id] = item
    return replace(state, incidents=incidents, intents=intents)


def close(incident: Incident, state: RollbackState, now: float, reason: str = "") -> Incident:
    """Return the incident in a final state: nothing leaves it but a person."""
    return replace(incident, state=state, reason=reason or incident.reason, closed_at=now)
