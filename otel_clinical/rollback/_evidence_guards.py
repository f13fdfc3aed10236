"""Guards that ask whether the drop is real, is the version's own, and would be cured by going back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback._verdicts import failed, finite, judged, lasting, not_compared, passed, unknown
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.semconv.enums import AttributionCause
from otel_clinical.semconv.enums import RollbackGuardName as Guard

if TYPE_CHECKING:
    from otel_clinical.policy import Scale
    from otel_clinical.rollback.state import Comparison, Fellow, GuardReport, Incident, Sample
    from otel_clinical.rollback.terms import Terms

_PLENTY: Final = 1e6
_CONFIDENCE: Final = 1.6448536269514722
"""Standard normal quantile of a one-sided confidence of 95 %."""
_SHARED: Final = frozenset({AttributionCause.ENVIRONMENT.value, AttributionCause.INPUT.value})


def samples(terms: Terms, first: Sample, second: Sample) -> GuardReport:
    """G2: enough labels, and evidence that holds however often it is looked at; not the point estimate."""
    facts = {"first": first.evidence, "second": second.evidence, "labels": second.samples}
    facts |= {"needed": float(terms.minimum_samples), "drop": second.drop, "lower": second.lower}
    if not (finite(first.evidence) and finite(second.evidence) and finite(second.samples)):
        return unknown(Guard.SAMPLE, "Prometheus holds no evidence, or not on how many outcomes it rests", **facts)
    evidence = min(first.evidence or 0.0, second.evidence or 0.0)
    enough = (second.samples or 0.0) >= terms.minimum_samples
    size = f"{evidence:,.2f}" if evidence < _PLENTY else "over 1,000,000"
    because = (
        f"evidence {size} on {second.samples:.0f} outcomes (proof is 1, on at least {terms.minimum_samples} outcomes)"
    )
    return judged(Guard.SAMPLE, because, good=enough and evidence >= 1, **facts)


def records(terms: Terms, sample: Sample) -> GuardReport:
    """G2 for input quality: enough records in the window."""
    facts = {"records": sample.samples, "needed": float(terms.minimum_records)}
    if not finite(sample.samples):
        return unknown(Guard.SAMPLE, "Prometheus does not say how many records there were", **facts)
    because = f"{sample.samples:.0f} records in the window (at least {terms.minimum_records} are needed)"
    return judged(Guard.SAMPLE, because, good=(sample.samples or 0.0) >= terms.minimum_records, **facts)


def label_health(terms: Terms, first: Sample, second: Sample) -> GuardReport:
    """G3: a label feed that is thin or silent fakes a drop as easily as it hides one."""
    guard = Guard.LABEL_HEALTH
    silent = None
    if second.label_time is not None and second.clock is not None:
        silent = second.clock - second.label_time
    facts = {"coverage": second.coverage, "needed": terms.minimum_coverage, "silent": silent}
    facts |= {"longest": terms.longest_label_silence}
    if AttributionCause.LABEL_FEED.value in {first.cause, second.cause}:
        return failed(guard, "the drift processor puts the drop down to the label feed", **facts)
    if silent is not None and silent > terms.longest_label_silence:
        because = f"the newest outcome came {lasting(silent)} ago (at most {lasting(terms.longest_label_silence)})"
        return failed(guard, because, **facts)
    if second.coverage is not None and second.coverage < terms.minimum_coverage:
        because = (
            f"{second.coverage:.0%} of the cases old enough have an outcome (at least {terms.minimum_coverage:.0%})"
        )
        return failed(guard, because, **facts)
    if second.coverage is None:
        return unknown(guard, "which share of the cases old enough has an outcome is not known", **facts)
    if silent is None:
        return unknown(guard, "when the newest outcome came is not known", **facts)
    share = f"{second.coverage:.0%} of the cases old enough have an outcome"
    return passed(guard, f"{share}, the newest came {lasting(silent)} ago", **facts)


def common_cause(terms: Terms, incident: Incident, sample: Sample) -> GuardReport:
    """G4: what dropped together, in other models or in the control arm, is hardly the version's own fault.

    Where the processor has counted that in already, the decision is no longer about the version.
    """
    guard, since = Guard.COMMON_CAUSE, sample.change_point
    others = [fellow for fellow in sample.fellows if (fellow.model, fellow.version) != (terms.model, incident.version)]
    facts: dict[str, float | None] = {"others": float(len(others)), "change_point": since}
    if not sample.reachable:
        return unknown(guard, "Prometheus does not answer", **facts)
    if sample.cause in _SHARED:
        return passed(
            guard, f"the drift processor has counted that in and puts the drop down to the {sample.cause}", **facts
        )
    if not finite(since) and others:
        return unknown(guard, f"{_named(terms, others[0])} dropped, and it is not known whether together", **facts)
    when = [(fellow, fellow.change_point) for fellow in others]
    together = [fellow for fellow, at in when if at is not None and abs(at - (since or 0.0)) <= terms.together]
    undated = [fellow for fellow, at in when if at is None]
    if together:
        names = ", ".join(_named(terms, fellow) for fellow in together)
        return failed(guard, f"dropped at the same time: {names}", together=float(len(together)), **facts)
    if undated:
        return unknown(guard, f"{_named(terms, undated[0])} dropped, and it is not known when", **facts)
    apart = f"{len(others)} others dropped at another time" if others else "no other model and no other version dropped"
    return passed(guard, apart, together=0.0, **facts)


def _named(terms: Terms, fellow: Fellow) -> str:
    if fellow.model == terms.model:
        return f"version {fellow.version} of the same model"
    return f"{fellow.model} {fellow.version}"


def baseline(terms: Terms, sample: Sample) -> GuardReport:
    """G6: the processor measures against the frozen baseline that the policy names."""
    facts = {"reported": float(len(sample.baseline_hashes))}
    if not sample.baseline_hashes:
        return unknown(Guard.BASELINE, "the drift processor reports no baseline", **facts)
    expected = terms.baseline_hash
    if any(not same_hash(found, expected) for found in sample.baseline_hashes):
        found = ", ".join(short_hash(value) for value in sample.baseline_hashes)
        return failed(
            Guard.BASELINE,
            f"the drift processor measures against {found}, the policy names {short_hash(expected)}",
            **facts,
        )
    return passed(Guard.BASELINE, f"baseline {short_hash(expected)}, the one that the policy names", **facts)


def counterfactual(terms: Terms, sample: Sample) -> GuardReport:
    """G9: where the version to go back to runs beside the serving one, it must be better on today's cases.

    Where none runs beside it, nothing was compared: said as such, and no reason to wait for what will not come.
    """
    guard, arm, current = Guard.COUNTERFACTUAL, sample.arm, sample.current
    if arm is None:
        because = "nothing was compared: no earlier version runs beside the serving one"
        return not_compared(guard, because, compared=0.0)
    facts = {"compared": 1.0, "arm_labels": arm.samples, "arm": arm.performance}
    facts |= {"labels": current.samples if current else None, "current": current.performance if current else None}
    if arm.verdict and arm.pairs:
        facts |= {"pairs": arm.pairs, "verdict": arm.verdict}
        better = arm.verdict > 0
        proved = "better" if better else "no better"
        because = f"version {arm.version} is proved {proved} on the same {arm.pairs:.0f} cases"
        return judged(guard, because, good=better, **facts)
    lower = None if current is None else lower_difference(terms.scale, arm, current)
    enough = min(arm.samples or 0.0, (current.samples or 0.0) if current else 0.0) >= terms.verify_samples
    if lower is None or not enough:
        because = f"version {arm.version} runs beside it, with too few labels to compare"
        return unknown(guard, because, needed=float(terms.verify_samples), **facts)
    because = f"version {arm.version} minus serving: {100 * lower:+.1f} points at least, on {arm.samples:.0f} labels"
    return judged(guard, because, good=lower > 0, lower=lower, **facts)


def _score(terms: Terms, found: Comparison) -> Comparison:
    """Turn a metric that is better when lower into a score that is better when higher."""
    performance = found.performance
    return found if performance is None else replace(found, performance=terms.scale.shown(performance))


def lower_difference(scale: Scale, arm: Comparison, current: Comparison) -> float | None:
    """Return the lower bound (95 %) of the arm's score minus the current one, None without labels.

    Scores, 1 = right: of a metric that is better when lower, 1 minus what is shown.

    Newcombe's hybrid score interval for two independent proportions (Statistics in Medicine 17, 873-890, method
    10); cautious for shadow scores, where both versions answered the same cases.
    """
    one, other = _proportion(scale, arm), _proportion(scale, current)
    if one is None or other is None:
        return None
    (mean, n), (now, m) = one, other
    spread = math.hypot(mean - _wilson(mean, n, -1), _wilson(now, m, +1) - now)
    return mean - now - spread


def _proportion(scale: Scale, found: Comparison) -> tuple[float, float] | None:
    ratio, n = found.performance, found.samples
    if ratio is None or n is None or not (0 <= ratio <= 1) or not (0 < n < math.inf):
        return None
    return scale.shown(ratio), n


def _wilson(ratio: float, n: float, sign: int) -> float:
    z = _CONFIDENCE
    half = z * math.sqrt(ratio * (1 - ratio) / n + z * z / (4 * n * n))
    return (ratio + z * z / (2 * n) + sign * half) / (1 + z * z / n)


def case_mix(terms: Terms, incident: Incident, sample: Sample) -> GuardReport:
    """G10: the drop must be there at the baseline's mix of cases too, not only in today's."""
    guard = Guard.CASE_MIX
    facts = {"drop": sample.drop, "lower": sample.lower, "upper": sample.upper, "threshold": terms.threshold}
    if not finite(sample.drop):
        return unknown(guard, "the drop at the baseline's mix of cases is not known", **facts)
    aggregate = incident.key.segment == AGGREGATE
    if not aggregate or terms.standardised or not terms.shares:
        where = "at the baseline's mix of cases the drop" if aggregate and terms.standardised else "the drop"
        because = f"{where} is {_percent(sample.drop)} (the tier begins at {_percent(terms.threshold)})"
        return judged(guard, because, good=(sample.drop or 0.0) >= terms.threshold, **facts)
    mixes = {name: drop for name in terms.shares if (drop := reweighted(terms, name, sample)) is not None}
    if not mixes:
        return unknown(guard, "there are no drops by segment to put together at the baseline's mix of cases", **facts)
    name, least = min(mixes.items(), key=lambda item: item[1])
    because = (
        f"at the baseline's mix of {name} the drop is {_percent(least)} (must be above {_percent(terms.tolerated)})"
    )
    return judged(guard, because, good=least > terms.tolerated, standardised=least, tolerated=terms.tolerated, **facts)


def reweighted(terms: Terms, name: str, sample: Sample) -> float | None:
    """Return the drop with every value of a segment at the weight it had in the baseline, None without any."""
    shares = terms.shares[name]
    drops = {s.value: s.drop for s in sample.strata if s.segment == name and s.value in shares and finite(s.drop)}
    weight = sum(shares[value] for value in drops)
    return sum(shares[value] * drop for value, drop in drops.items()) / weight if weight > 0 else None


def _percent(ratio: float | None) -> str:
    return f"{100 * (ratio or 0.0):.1f} %"


def same_hash(left: str, right: str) -> bool:
    """Compare two hashes whose writers may add `sha256:` or cut the tail; at least 16 digits must agree."""
    left, right = left.removeprefix("sha256:"), right.removeprefix("sha256:")
    shared = min(len(left), len(right))
    return shared >= 16 and left[:shared] == right[:shared]  # noqa: PLR2004 -- said above


def short_hash(value: str) -> str:
    """Return the first digits of a hash, for people."""
    return value.removeprefix("sha256:")[:12]
