"""Decide, once every guard has passed, what reduces the harm: the previous version, or a safer route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import guards, ledger
from otel_clinical.rollback.alerts import AGGREGATE, Cause
from otel_clinical.rollback.targets import Change
from otel_clinical.semconv.attribution_words import reason_text
from otel_clinical.semconv.enums import AttributionCause, RollbackDecision, RoutingLevel, RoutingReason

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer, Segment
    from otel_clinical.rollback._records import Setting
    from otel_clinical.rollback.state import Incident, ModelState, Sample
    from otel_clinical.rollback.terms import Terms

DAY: Final = 86_400.0
_SHARED: Final = {
    AttributionCause.ENVIRONMENT.value: "the environment",
    AttributionCause.INPUT.value: "the input",
}
"""Causes that going back would not cure. For any other the pointer's own activation decides."""
_UNITS: Final = ((DAY, "d"), (3_600.0, "h"), (60.0, "min"))


@dataclass(frozen=True, slots=True)
class Decision:
    """What will be changed, why, and what caused the degradation: version, environment or input."""

    decision: RollbackDecision
    cause: str
    change: Change
    reason: str


def decide(
    setting: Setting, state: ModelState, incident: Incident, sample: Sample, pointer: ReleasePointer
) -> Decision:
    """Return the decision on an incident whose guards all passed."""
    terms = setting.terms
    segment = None if incident.key.segment == AGGREGATE else incident.key.segment
    if incident.key.cause is Cause.INPUT:
        change = Change(RoutingReason.INPUT_QUALITY, route=terms.on_breach, segment=segment)
        return Decision(RollbackDecision.HOLD, "input", change, "input of this source is below its minimum")
    if incident.key.cause is Cause.RESTORED:
        change = Change(RoutingReason.ROLLBACK, route=RoutingLevel.MANUAL, segment=segment)
        reason = f"version {incident.version}, which was given back to this segment, fails there too"
        return Decision(RollbackDecision.REFUSED, "version", change, f"{reason}; a second step back is for people")
    elsewhere = _not_the_version(setting, state, incident, sample, pointer)
    # A person who approves has decided that it is the version, and that it may be changed.
    if elsewhere and not incident.approved_by:
        change = Change(RoutingReason.DRIFT, route=terms.on_environment, segment=segment)
        cause = AttributionCause.INPUT if sample.cause == AttributionCause.INPUT else AttributionCause.ENVIRONMENT
        return Decision(RollbackDecision.SAFE_MODE, cause.value, change, elsewhere)
    # Where everything degrades with one segment, serving two versions side by side would only spread the harm.
    if (sample.aggregate_evidence or 0.0) >= 1:
        segment = None
    useless = next((report.because for report in incident.guards if guards.futile(report)), "")
    problem = useless and f"going back would not help: {useless}"
    if not problem and segment is None:
        problem = _limit_problem(terms, state, setting.now)
    return _back(setting, state, segment, pointer, "" if incident.approved_by else problem)


def _not_the_version(
    setting: Setting, state: ModelState, incident: Incident, sample: Sample, pointer: ReleasePointer
) -> str:
    """Say why the serving version is not to blame, or return an empty string where it is."""
    if pointer.previous_version is None:
        return "no other version has served, so no change of version can be the cause"
    if _input_held(state, incident):
        return "the input of this source is held for its quality"
    if sample.cause in _SHARED:
        why = f" ({', '.join(reason_text(reason) for reason in sample.reasons)})" if sample.reasons else ""
        return (
            f"the processor puts the drop down to {_SHARED[sample.cause]}{why}, which the previous version would share"
        )
    terms = setting.terms
    since = (sample.change_point or 0.0) - pointer.activated_at
    if not -terms.slack <= since <= terms.attribution_window:
        return f"change point {_span(since)} the activation, outside the attribution window"
    # Long after the window the world has moved on: the previous version is no longer known to be better.
    if setting.now - pointer.activated_at > 2 * terms.attribution_window + terms.maturity:
        return "the version has served too long for the previous one to be known as better"
    return ""


def _input_held(state: ModelState, incident: Incident) -> bool:
    return any(
        other.key.cause is Cause.INPUT
        and other.decision is RollbackDecision.HOLD
        and other.key.segment == incident.key.segment
        and other.key.activation == incident.key.activation
        for other in state.incidents.values()
    )


def _back(
    setting: Setting, state: ModelState, segment: Segment | None, pointer: ReleasePointer, problem: str
) -> Decision:
    """Go back to the version that is known good, or route to people where there is none or `problem` speaks against."""
    problem = ledger.problem(setting.terms, state, pointer, segment, setting.now) or problem
    target = ledger.candidate(state, pointer)
    if problem or target is None:
        change = Change(RoutingReason.ROLLBACK, route=RoutingLevel.MANUAL, segment=segment)
        return Decision(RollbackDecision.REFUSED, "version", change, problem)
    change = Change(RoutingReason.ROLLBACK, version=target, segment=segment)
    reason = f"performance dropped after {pointer.version} was activated; {target} is known good"
    return Decision(RollbackDecision.ROLLBACK, "version", change, reason)


def _limit_problem(terms: Terms, state: ModelState, now: float) -> str:
    if state.activations_since(now - DAY) >= terms.per_day:
        return f"limit of {terms.per_day} automatic rollback(s) per day is reached"
    if state.activations_since(now - 30 * DAY) >= terms.per_30_days:
        return f"limit of {terms.per_30_days} automatic rollback(s) per 30 days is reached"
    return ""


def _span(seconds: float) -> str:
    """Say a span of time roughly, as a person would."""
    size = abs(seconds)
    unit, letter = next(((unit, letter) for unit, letter in _UNITS if size >= 2 * unit), (1.0, "s"))
    return f"{size / unit:.0f} {letter} {'after' if seconds >= 0 else 'before'}"
