"""Situations in which the tier alerts fire, and all those in which one condition is not met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import Labels, Scenario, Series, Subject, growing, in_segment, level
from otel_clinical.generate._rules_counters import FROM_COUNTERS
from otel_clinical.generate._rules_tiers import PERFORMANCE_DROP, TIER_WORDS
from otel_clinical.policy import load_baseline
from otel_clinical.semconv import AGGREGATE, OTHER, attributes, metrics
from otel_clinical.semconv.enums import EscalationLevel, OutcomeResult

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVERYWHERE = (AGGREGATE, AGGREGATE)
_STEP = 1e-6
_GIVEN = "another version serves, and a rule gives the segment this one"


def tier_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield the scenarios of the three tiers from evidence and of the two from counters."""
    for tier in (each for each in TIER_WORDS if each in subject.policy.tiers):
        yield _from_evidence(subject, tier)
    for tier in FROM_COUNTERS if subject.policy.metric.of_every_score else ():
        yield _from_counters(subject, tier)


def _from_evidence(subject: Subject, tier: EscalationLevel) -> Scenario:
    limits = subject.policy.tiers[tier]
    serving = subject.active()
    segments = dict.fromkeys((_EVERYWHERE, subject.segment))

    def proof(drop: float, evidence: float, samples: float, segment: tuple[str, str]) -> tuple[Series, ...]:
        stream = {**subject.served, **in_segment(segment)}
        return (
            level(metrics.DEGRADATION_RATIO, stream, drop, subject.looks),
            level(metrics.EVIDENCE, {**stream, attributes.ESCALATION_LEVEL: tier.value}, evidence, subject.looks),
            level(metrics.EVIDENCE_SAMPLES, stream, samples, subject.looks),
        )

    enough = limits.minimum_labels
    proved = tuple(one for segment in segments for one in proof(limits.drop, 1, enough, segment))
    here = subject.segment
    quiet = {
        "the drop is smaller": (serving, *proof(limits.drop - _STEP, 5, enough, here)),
        "the evidence is no proof yet": (serving, *proof(0.9, 1 - _STEP, enough, here)),
        "there are too few labels": (serving, *proof(0.9, 5, enough - 1, here)),
        "another version serves": (subject.active("another"), *proved),
        "no version says that it is active": proved,
        "a rule gives this version to another segment": (
            subject.active("another"),
            subject.given(("site", "elsewhere")),
            *proved,
        ),
        "there is a drop and nothing else": (serving, proved[0]),
    }
    if tier is EscalationLevel.ROLLBACK:
        undeclared = (here[0], OTHER)
        quiet["nobody declared the segment value"] = (serving, *proof(limits.drop, 1, enough, undeclared))
    return Scenario(
        f"{PERFORMANCE_DROP}{TIER_WORDS[tier].suffix}",
        fires={
            "the drop is proved in a segment and in all together": (serving, *proved),
            _GIVEN: (subject.active("another"), subject.given(here), *proved),
        },
        quiet=quiet,
        about=tuple({**subject.served, **in_segment(segment)} for segment in segments),
        only={_GIVEN: (subject.stream,)},
        model=subject.name,
        looks=subject.looks,
    )


def _from_counters(subject: Subject, tier: EscalationLevel) -> Scenario:
    limits = subject.policy.tiers[tier]
    serving, here = subject.active(), subject.segment
    accepted = load_baseline(subject.policy.baseline.file).ratio(*here)
    many = 40 * limits.minimum_labels

    def counted(total: float, score: float) -> tuple[Series, ...]:
        per_look = total / subject.looks
        return (
            _outcomes(subject, here, OutcomeResult.CORRECT, per_look * score),
            _outcomes(subject, here, OutcomeResult.INCORRECT, per_look * (1 - score)),
            _outcomes(subject, here, OutcomeResult.INDETERMINATE, per_look),
        )

    deep, shallow = accepted * 0.5, 1.0 - subject.policy.metric.scale.error(accepted, limits.drop / 2)
    about: tuple[Labels, ...] = ({**subject.served, **in_segment(here)},)
    stratum = subject.policy.standardise_by
    if stratum is not None and stratum.value == here[0]:
        about = (*about, {**subject.served, **in_segment(_EVERYWHERE)})
    running = level(metrics.PROCESSOR_START_TIME, {}, 1, subject.looks)
    return Scenario(
        f"{PERFORMANCE_DROP}{TIER_WORDS[tier].suffix}FromCounters",
        fires={
            "counters show a large drop and no processor runs": (serving, *counted(many, deep)),
            _GIVEN: (subject.active("another"), subject.given(here), *counted(many, deep)),
        },
        quiet={
            "the processor runs": (serving, running, *counted(many, deep)),
            "the drop is too small": (serving, *counted(many, shallow)),
            "the bound does not exclude chance": (serving, *counted(2, 0)),
            "another version serves": (subject.active("another"), *counted(many, deep)),
        },
        about=about,
        only={_GIVEN: (subject.stream,)},
        model=subject.name,
        looks=subject.looks,
    )


def _outcomes(subject: Subject, segment: tuple[str, str], result: OutcomeResult, per_look: float) -> Series:
    labels = {**subject.served, **in_segment(segment), attributes.OUTCOME_RESULT: result.value}
    return growing(metrics.SEGMENT_OUTCOMES, labels, per_look, subject.looks)
