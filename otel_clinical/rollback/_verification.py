"""Watch whether a rollback helped, and route to people where it did not."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from otel_clinical.rollback._planning import plan
from otel_clinical.rollback._records import Record, Setting, Step, close, put
from otel_clinical.rollback.targets import Change
from otel_clinical.semconv.enums import RollbackState, RoutingLevel, RoutingReason

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.events import Recovery, RecoverySeen
    from otel_clinical.rollback.state import Incident, Intent, ModelState
    from otel_clinical.rollback.terms import Terms


def watch(setting: Setting, state: ModelState, event: RecoverySeen) -> Step:
    """Move a rollback on: every service converged, performance recovered, or time is up."""
    incident = state.incidents[event.incident]
    intent = state.applied(incident.id)
    if intent is None:
        return Step(state)
    if event.pointer.activation != intent.new_activation:
        closed = close(incident, RollbackState.OVERRIDDEN, setting.now, "another version was activated meanwhile")
        data = {"version": event.pointer.version, "activation": event.pointer.activation}
        return Step(put(state, closed), (Record("rollback.overridden", incident.id, data, page=True),))
    if incident.state is RollbackState.CONVERGING:
        incident, records = _converge(setting, incident, intent, event.recovery)
        state = put(state, incident)
    else:
        records = ()
    step = _verify(setting, state, incident, intent, event)
    return Step(step.state, (*records, *step.records))


def _converge(
    setting: Setting, incident: Incident, intent: Intent, recovery: Recovery
) -> tuple[Incident, tuple[Record, ...]]:
    """Go on to verify once every service runs the restored version; report those that do not in time."""
    target, now = intent.change.version, setting.now
    behind = sorted(instance for instance, version in recovery.serving if version != target)
    if recovery.serving and not behind:
        reached = {"instances": len(recovery.serving), "seconds": round(now - (incident.acted_at or now), 3)}
        verifying = replace(incident, state=RollbackState.VERIFYING, converge_by=None)
        return verifying, (Record("rollback.converged", incident.id, reached),)
    if incident.converge_by is None or now < incident.converge_by:
        return incident, ()
    data: dict[str, Any] = {"behind": behind, "seen": len(recovery.serving)}
    reported = replace(incident, converge_by=None, reason="some services do not serve the restored version")
    return reported, (Record("rollback.not_converged", incident.id, data, page=True),)


def _verify(setting: Setting, state: ModelState, incident: Incident, intent: Intent, event: RecoverySeen) -> Step:
    """Close a rollback that helped; when time is up, put people in charge."""
    data, now = asdict(event.recovery), setting.now
    converged = incident.state is RollbackState.VERIFYING
    if converged and recovered(setting.terms, event.recovery, event.pointer):
        closed = close(incident, RollbackState.ROLLED_BACK, now, "performance recovered")
        return Step(put(state, closed), (Record("rollback.verified", incident.id, data),))
    if now < (incident.verify_by or now) or state.changing:
        return Step(put(state, replace(incident, next_at=now + setting.timing.watch)))
    incident = replace(incident, reason="performance did not recover in time")
    failed = Record("rollback.not_verified", incident.id, data, page=True)
    change = Change(RoutingReason.ROLLBACK, route=RoutingLevel.MANUAL, segment=intent.change.segment)
    step = plan(setting, state, incident, change, event.pointer)
    return Step(step.state, (failed, *step.records))


def recovered(terms: Terms, recovery: Recovery, pointer: ReleasePointer) -> bool:
    """Tell whether enough labels of the new activation show performance near the baseline."""
    performance, baseline, samples = recovery.performance, recovery.baseline, recovery.samples
    if performance is None or baseline is None or samples is None:
        return False
    limit = terms.scale.limit(baseline, terms.recover_within)
    current = recovery.activation == pointer.activation
    # Comparisons with NaN are false: a value that is no number never counts as recovery.
    return current and samples >= terms.verify_samples and terms.scale.within(performance, limit)
