"""Check, before anything is switched, that an alert says what it seems to say.

Each guard is a pure function of two looks at Prometheus, the pointer and the policy's terms. Its result is
pass, fail, unknown where a fact is missing, or not compared where there is nothing to compare with, with the numbers
it rests on. A fail or an unknown keeps the controller from acting. A guard can delay a decision and pages a person; it
never cancels one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import _evidence_guards as evidence
from otel_clinical.rollback._verdicts import failed, finite, judged, lasting, passed, unknown
from otel_clinical.rollback.alerts import Cause
from otel_clinical.rollback.state import serving_in
from otel_clinical.semconv.enums import RollbackGuardName as Guard
from otel_clinical.semconv.enums import RollbackGuardResult as Result

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.state import GuardReport, Incident, Sample
    from otel_clinical.rollback.terms import Terms

_LATEST: Final = 4e9
_WITHOUT_EVIDENCE: Final = {
    # Services report what serves the model; the evidence is of the version's own earlier activation.
    Cause.RESTORED: "to this segment",
    Cause.ORDERED: "to the model, and a person wants it replaced",
}
"""Causes for which it is enough that the pointer gives the version."""
MAXIMUM_SKEW: Final = 60.0
"""Seconds by which the controller's and Prometheus' clocks may differ."""


def evaluate(
    terms: Terms, incident: Incident, pointer: ReleasePointer, first: Sample, second: Sample
) -> tuple[GuardReport, ...]:
    """Return the report of every guard that applies to the incident's cause."""
    common = (
        _active_version(incident, pointer, second),
        _confirmation(first, second),
        _alert_age(terms, incident, second),
    )
    if incident.key.cause is Cause.INPUT:
        return (*common, evidence.records(terms, second))
    return (
        *common,
        evidence.samples(terms, first, second),
        evidence.label_health(terms, first, second),
        evidence.common_cause(terms, incident, second),
        _telemetry(terms, first, second),
        evidence.baseline(terms, second),
        evidence.counterfactual(terms, second),
        evidence.case_mix(terms, incident, second),
        _attribution(second),
    )


def all_pass(reports: tuple[GuardReport, ...]) -> bool:
    """Tell whether nothing stands in the way of a decision.

    That going back would not help is known for certain where `counterfactual` fails: it decides, it does not delay.
    Where it had nothing to compare with, the other guards decide.
    """
    return all(not objects(report) or futile(report) for report in reports)


def objects(report: GuardReport) -> bool:
    """Tell whether a report speaks against acting, or leaves open whether it does."""
    return report.result in {Result.FAIL, Result.UNKNOWN}


def serving(reports: tuple[GuardReport, ...]) -> bool:
    """Tell whether the version that the incident is about still serves: what even a person cannot overrule."""
    return any(report.guard is Guard.ACTIVE_VERSION and report.result is not Result.FAIL for report in reports)


def futile(report: GuardReport) -> bool:
    """Tell whether the report says that the version to go back to is not better on today's cases."""
    return report.guard is Guard.COUNTERFACTUAL and report.result is Result.FAIL


def still_serves(incident: Incident, pointer: ReleasePointer) -> bool:
    """Tell whether the pointer serves the incident's version, to its segment where it was given back to that alone."""
    here = incident.key.cause is Cause.RESTORED
    version = serving_in(pointer, incident.key.segment) if here else pointer.version
    return (version, pointer.activation) == (incident.version, incident.key.activation)


def _active_version(incident: Incident, pointer: ReleasePointer, sample: Sample) -> GuardReport:
    """G1: the alert, the pointer, the services and the evidence speak of one version and activation."""
    guard, version, activation = Guard.ACTIVE_VERSION, incident.version, incident.key.activation
    facts = {"activation": float(activation), "pointer": float(pointer.activation), "evidence": sample.activation}
    if not still_serves(incident, pointer):
        return failed(
            guard,
            f"the release pointer serves version {pointer.version} (activation {pointer.activation}) by now",
            **facts,
        )
    if (why := _WITHOUT_EVIDENCE.get(incident.key.cause)) is not None:
        return passed(guard, f"the release pointer gives version {version} {why}", **facts)
    if not sample.active_versions:
        return unknown(guard, "no service reports which version it serves", **facts)
    if version not in sample.active_versions:
        return failed(guard, f"the services report version {', '.join(sample.active_versions)}, not {version}", **facts)
    if incident.key.cause is Cause.INPUT:
        return passed(guard, f"version {version}: release pointer and services agree", **facts)
    return _evidence_activation(version, activation, sample, facts)


def _evidence_activation(version: str, activation: int, sample: Sample, facts: dict[str, float | None]) -> GuardReport:
    guard = Guard.ACTIVE_VERSION
    # One version can serve twice, and evidence from its first time says nothing now.
    if sample.activation is None:
        return unknown(guard, "the evidence does not say to which activation it belongs", **facts)
    if sample.activation != activation:
        problem = f"the evidence is of activation {sample.activation:g}, and the alert is about activation {activation}"
        return failed(guard, problem, **facts)
    return passed(
        guard, f"version {version} (activation {activation}): alert, pointer, services, evidence agree", **facts
    )


def _telemetry(terms: Terms, first: Sample, second: Sample) -> GuardReport:
    """G5: the processor is there, was not restarted between the looks, and hears the services."""
    guard, now = Guard.TELEMETRY, second.clock
    facts = {"processors": float(len(second.processors)), "instances": _count(second.instances)}
    if not second.processors or now is None:
        return unknown(guard, "Prometheus knows no drift processor", **facts)
    if any(processor.up is False for processor in second.processors):
        return failed(guard, "a drift processor is down", **facts)
    if {p.started_at for p in first.processors} != {p.started_at for p in second.processors}:
        return failed(guard, "a drift processor was restarted between the two looks", **facts)
    if first.instances is not None and second.instances is not None and second.instances < first.instances:
        because = f"{second.instances} services report, {first.instances} a moment before"
        return failed(guard, because, before=float(first.instances), **facts)
    events = [p.event_time for p in second.processors if p.event_time is not None]
    marks = [p.watermark for p in second.processors if p.watermark is not None]
    if not events or not marks:
        return unknown(guard, "the drift processor does not say how new its events are", **facts)
    silent, behind = now - max(events), now - max(marks)
    newest = f"the newest event is {lasting(silent)} old (at most {lasting(terms.fresh_events)})"
    because = f"{newest}, counted completely up to {lasting(behind)} ago (at most {lasting(terms.fresh_watermark)})"
    fresh = silent <= terms.fresh_events and behind <= terms.fresh_watermark
    return judged(guard, because, good=fresh, silent=silent, behind=behind, **facts)


def _confirmation(first: Sample, second: Sample) -> GuardReport:
    """G7: Prometheus itself, asked twice, evaluated the alert as firing at two different times."""
    guard = Guard.CONFIRMATION
    facts = {"first": first.evaluated_at, "second": second.evaluated_at}
    if not (first.reachable and second.reachable):
        return unknown(guard, "Prometheus does not answer", **facts)
    if first.evaluated_at is None or second.evaluated_at is None:
        return failed(guard, "Prometheus does not show the alert firing", **facts)
    apart = second.evaluated_at - first.evaluated_at
    if apart <= 0:
        return unknown(guard, "Prometheus has not evaluated the alert a second time yet", **facts)
    return passed(guard, f"Prometheus evaluated it as firing twice, {apart:.1f} s apart", **facts)


def _alert_age(terms: Terms, incident: Incident, sample: Sample) -> GuardReport:
    """G8: heard of recently, by clocks that agree."""
    guard = Guard.ALERT_AGE
    if sample.clock is None:
        return unknown(guard, "Prometheus' clock is not known")
    skew, age = sample.clock - sample.taken_at, sample.taken_at - incident.last_seen
    facts = {"skew": skew, "age": age, "started": sample.taken_at - incident.starts_at}
    if abs(skew) > MAXIMUM_SKEW:
        return failed(guard, f"the clocks differ by {skew:.0f} s (at most {MAXIMUM_SKEW:.0f} s)", **facts)
    if incident.starts_at > sample.taken_at + MAXIMUM_SKEW:
        return failed(guard, f"the alert starts {lasting(incident.starts_at - sample.taken_at)} in the future", **facts)
    because = f"heard of {lasting(age)} ago (at most {lasting(terms.maximum_alert_age)})"
    return judged(guard, because, good=age <= terms.maximum_alert_age, **facts)


def _attribution(sample: Sample) -> GuardReport:
    """Know since when, or the cause cannot be told."""
    since = sample.change_point
    if not finite(since) or not 0 <= (since or 0.0) < _LATEST:
        return unknown(Guard.ATTRIBUTION, "it is not known since when: there is no change point")
    words = f"since {datetime.fromtimestamp(since or 0.0, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return passed(Guard.ATTRIBUTION, words, change_point=since)


def _count(value: int | None) -> float | None:
    return None if value is None else float(value)
