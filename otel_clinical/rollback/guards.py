"""Check, before anything is switched, that an alert says what it seems to say.

Each guard is a pure function of two looks at Prometheus, the pointer and the policy's terms. Its result is
pass, fail, or unknown where a fact is missing; only all passes let the controller act. A guard can delay a
decision and pages a person; it never cancels one.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.alerts import Cause
from otel_clinical.rollback.state import GuardReport, Incident, Sample
from otel_clinical.semconv.enums import AttributionCause
from otel_clinical.semconv.enums import RollbackGuardName as Guard
from otel_clinical.semconv.enums import RollbackGuardResult as Result

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.terms import Terms

_LATEST: Final = 4e9
_PLENTY: Final = 1e6
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
        return (*common, _records(terms, second))
    return (
        *common,
        _samples(terms, first, second),
        _telemetry(terms, first, second),
        _baseline(terms, second),
        _attribution(second),
        _label_health(first, second),
    )


def all_pass(reports: tuple[GuardReport, ...]) -> bool:
    """Tell whether nothing stands in the way."""
    return all(report.result is Result.PASS for report in reports)


def _active_version(incident: Incident, pointer: ReleasePointer, sample: Sample) -> GuardReport:
    """G1: the alert, the pointer, the services and the evidence speak of one version and activation."""
    guard, version, activation = Guard.ACTIVE_VERSION, incident.version, incident.key.activation
    if (pointer.version, pointer.activation) != (version, activation):
        return _fail(guard, f"pointer serves {pointer.version} (activation {pointer.activation})")
    if not sample.active_versions:
        return _unknown(guard, "no service reports an active version")
    if version not in sample.active_versions:
        return _fail(guard, f"services report {', '.join(sample.active_versions)} active, not {version}")
    if incident.key.cause is Cause.INPUT:
        return _pass(guard, f"{version} active in pointer and services")
    return _evidence_activation(version, activation, sample)


def _evidence_activation(version: str, activation: int, sample: Sample) -> GuardReport:
    """G1 for performance: one version can serve twice, and evidence from its first time says nothing now."""
    guard = Guard.ACTIVE_VERSION
    if sample.activation is None:
        return _unknown(guard, "no activation of the evidence")
    if sample.activation != activation:
        return _fail(guard, f"evidence belongs to activation {sample.activation:g}, expected {activation}")
    return _pass(guard, f"{version} (activation {activation}) in alert, pointer, services and evidence")


def _samples(terms: Terms, first: Sample, second: Sample) -> GuardReport:
    """G2: enough labels, and evidence that holds however often it is looked at; not the point estimate."""
    if not (_finite(first.evidence) and _finite(second.evidence) and _finite(second.samples)):
        return _unknown(Guard.SAMPLE, "no evidence or no number of labels")
    evidence = min(first.evidence or 0.0, second.evidence or 0.0)
    enough = (second.samples or 0.0) >= terms.minimum_samples
    size = f"{evidence:,.2f}" if evidence < _PLENTY else "over 1,000,000"
    because = f"evidence {size} on {second.samples:g} labels, needs 1 on {terms.minimum_samples}"
    return _pass(Guard.SAMPLE, because) if enough and evidence >= 1 else _fail(Guard.SAMPLE, because)


def _records(terms: Terms, sample: Sample) -> GuardReport:
    """G2 for input quality: enough records in the window."""
    if not _finite(sample.samples):
        return _unknown(Guard.SAMPLE, "no number of records")
    because = f"{sample.samples:.0f} records in the window, needs {terms.minimum_records}"
    enough = (sample.samples or 0.0) >= terms.minimum_records
    return _pass(Guard.SAMPLE, because) if enough else _fail(Guard.SAMPLE, because)


def _telemetry(terms: Terms, first: Sample, second: Sample) -> GuardReport:
    """G5: the processor is there, was not restarted between the looks, and hears the services."""
    guard, now = Guard.TELEMETRY, second.clock
    if not second.processors or now is None:
        return _unknown(guard, "Prometheus knows no drift processor")
    if any(processor.up is False for processor in second.processors):
        return _fail(guard, "a drift processor is down")
    if {p.started_at for p in first.processors} != {p.started_at for p in second.processors}:
        return _fail(guard, "a drift processor restarted during the confirmation")
    events = [p.event_time for p in second.processors if p.event_time is not None]
    marks = [p.watermark for p in second.processors if p.watermark is not None]
    if not events or not marks:
        return _unknown(guard, "the drift processor reports no event time or no watermark")
    silent, behind = now - max(events), now - max(marks)
    because = f"newest event {silent:.0f} s ago, watermark {behind:.0f} s behind"
    fresh = silent <= terms.fresh_events and behind <= terms.fresh_watermark
    return _pass(guard, because) if fresh else _fail(guard, because)


def _baseline(terms: Terms, sample: Sample) -> GuardReport:
    """G6: the processor measures against the frozen baseline that the policy names."""
    if not sample.baseline_hashes:
        return _unknown(Guard.BASELINE, "the processor reports no baseline")
    expected = terms.baseline_hash
    if any(not same_hash(found, expected) for found in sample.baseline_hashes):
        found = ", ".join(short_hash(value) for value in sample.baseline_hashes)
        return _fail(Guard.BASELINE, f"processor uses {found}, policy names {short_hash(expected)}")
    return _pass(Guard.BASELINE, f"baseline {short_hash(expected)}")


def _confirmation(first: Sample, second: Sample) -> GuardReport:
    """G7: Prometheus itself, asked twice, evaluated the alert as firing at two different times."""
    guard = Guard.CONFIRMATION
    if not (first.reachable and second.reachable):
        return _unknown(guard, "Prometheus does not answer")
    if first.evaluated_at is None or second.evaluated_at is None:
        return _fail(guard, "Prometheus does not show the alert firing")
    if second.evaluated_at <= first.evaluated_at:
        return _unknown(guard, "no second evaluation by Prometheus yet")
    return _pass(guard, f"firing at two evaluations {second.evaluated_at - first.evaluated_at:.1f} s apart")


def _alert_age(terms: Terms, incident: Incident, sample: Sample) -> GuardReport:
    """G8: heard of recently, by clocks that agree."""
    guard = Guard.ALERT_AGE
    if sample.clock is None:
        return _unknown(guard, "Prometheus' clock is not known")
    skew = sample.clock - sample.taken_at
    if abs(skew) > MAXIMUM_SKEW:
        return _fail(guard, f"clocks differ by {skew:.0f} s, at most {MAXIMUM_SKEW:.0f} s allowed")
    if incident.starts_at > sample.taken_at + MAXIMUM_SKEW:
        return _fail(guard, f"alert starts {incident.starts_at - sample.taken_at:.0f} s in the future")
    age = sample.taken_at - incident.last_seen
    because = f"last heard of {max(age, 0):.0f} s ago, at most {terms.maximum_alert_age:.0f} s allowed"
    return _pass(guard, because) if age <= terms.maximum_alert_age else _fail(guard, because)


def _attribution(sample: Sample) -> GuardReport:
    """Know since when, or the cause cannot be told."""
    if not _finite(sample.change_point) or not 0 <= (sample.change_point or 0.0) < _LATEST:
        return _unknown(Guard.ATTRIBUTION, "no change point")
    since = datetime.fromtimestamp(sample.change_point or 0.0, UTC)
    return _pass(Guard.ATTRIBUTION, f"changed at {since:%Y-%m-%d %H:%M:%S} UTC")


def _label_health(first: Sample, second: Sample) -> GuardReport:
    """G3: a label feed that is thin or silent fakes a drop as easily as it hides one."""
    guard = Guard.LABEL_HEALTH
    if AttributionCause.LABEL_FEED.value in {first.cause, second.cause}:
        return _fail(guard, "the processor puts the drop down to the label feed")
    return _pass(guard, "the processor does not put the drop down to the label feed")


def same_hash(left: str, right: str) -> bool:
    """Compare two hashes whose writers may add `sha256:` or cut the tail; at least 16 digits must agree."""
    left, right = left.removeprefix("sha256:"), right.removeprefix("sha256:")
    shared = min(len(left), len(right))
    return shared >= 16 and left[:shared] == right[:shared]  # noqa: PLR2004 -- said above


def short_hash(value: str) -> str:
    """Return the first digits of a hash, for people."""
    return value.removeprefix("sha256:")[:12]


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _pass(guard: Guard, because: str) -> GuardReport:
    return GuardReport(guard, Result.PASS, because)


def _fail(guard: Guard, because: str) -> GuardReport:
    return GuardReport(guard, Result.FAIL, because)


def _unknown(guard: Guard, because: str) -> GuardReport:
    return GuardReport(guard, Result.UNKNOWN, because)
