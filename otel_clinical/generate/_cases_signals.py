"""Situations of input quality, overrides, drift flags and safety events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_confidence import confidence_cases
from otel_clinical.generate._cases_features import feature_cases
from otel_clinical.generate._cases_heartbeat import heartbeat_cases
from otel_clinical.generate._cases_model import (
    Labels,
    Scenario,
    Series,
    Subject,
    born,
    growing,
    in_segment,
    late,
    level,
)
from otel_clinical.generate._cases_reviews import review_cases
from otel_clinical.semconv import AGGREGATE, OTHER, attributes, metrics
from otel_clinical.semconv.enums import (
    DeploymentState,
    DriftDetector,
    EscalationLevel,
    InputQualityAction,
    SafetyEventSeverity,
    SafetyEventType,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def signal_cases(subject: Subject, together: float) -> Iterator[Scenario]:
    """Yield one scenario per alert of the quality file; drops `together` seconds apart have one cause."""
    yield _input_quality(subject)
    yield from review_cases(subject)
    yield from confidence_cases(subject)
    if subject.policy.segments:
        yield _some_segment(subject)
    if EscalationLevel.GOVERNANCE_REVIEW in subject.policy.tiers:
        yield _models_together(subject, together)
    yield from feature_cases(subject)
    yield from heartbeat_cases(subject)
    yield _drift(subject)
    yield _safety(subject)


def _some_segment(subject: Subject) -> Scenario:
    def found(evidence: float, tier: EscalationLevel = EscalationLevel.ENGINEERING_REVIEW) -> tuple[Series, ...]:
        labels = {**subject.served, attributes.ESCALATION_LEVEL: tier.value}
        return (subject.active(), level(metrics.DISCOVERY_EVIDENCE, labels, evidence, subject.looks))

    return Scenario(
        "ClinicalAISegmentsWorse",
        fires={"it is proved that some segment is worse": found(1)},
        quiet={
            "nothing is proved": found(0.99),
            "another tier is meant": found(5, EscalationLevel.ROLLBACK),
            "another version serves": (subject.active("another"), found(5)[1]),
        },
        about=(subject.served,),
        model=subject.name,
        looks=subject.looks,
    )


def _models_together(subject: Subject, within: float) -> Scenario:
    """Two models whose drops began at some distance; the other one may be judged by another processor."""
    whole = {attributes.SEGMENT_NAME: AGGREGATE, attributes.SEGMENT_VALUE: AGGREGATE}
    other = {attributes.MODEL_NAME: "elsewhere", attributes.MODEL_VERSION: "3"}
    began = 1.7e9

    def dropped(version: Labels, since: float, evidence: float = 1, *, serves: float = 1) -> tuple[Series, ...]:
        stream, looks = {**version, **whole}, subject.looks
        proof = {**stream, attributes.ESCALATION_LEVEL: EscalationLevel.GOVERNANCE_REVIEW.value}
        state = {**version, attributes.DEPLOYMENT_STATE: DeploymentState.ACTIVE.value}
        return (
            level(metrics.CHANGE_POINT_TIME, stream, since, looks),
            level(metrics.EVIDENCE, proof, evidence, looks),
            level(metrics.DEPLOYMENT_STATUS, state, serves, looks),
        )

    mine = dropped(subject.served, began)
    return Scenario(
        "ClinicalAIModelsDropTogether",
        fires={
            "another model began to drop soon after": (*mine, *dropped(other, began + within)),
            "another model began to drop soon before": (*mine, *dropped(other, began - within)),
        },
        quiet={
            "no other model dropped": mine,
            "the other model began at another time": (*mine, *dropped(other, began + within + 1)),
            "the drop of the other model is not proved": (*mine, *dropped(other, began, 0.99)),
            "the version of the other model serves no more": (*mine, *dropped(other, began, serves=0)),
            "only the other model dropped": dropped(other, began),
        },
        about=(subject.model,),
        model=subject.name,
        looks=subject.looks,
    )


def _input_quality(subject: Subject) -> Scenario:
    limits, source = subject.policy.input_quality, subject.source
    many = 20 * limits.minimum_records
    above, below = min(limits.maximum_low_share * 1.5, 1.0), limits.maximum_low_share * 0.5

    def judged(total: float, low: float, value: tuple[str, str] = source) -> tuple[Series, ...]:
        per_look = total / subject.looks
        place = {**subject.model, **in_segment(value)}
        shares = {
            InputQualityAction.PASS: (1 - low) / 2,
            InputQualityAction.FLAG: (1 - low) / 2,
            InputQualityAction.FALLBACK: low / 2,
            InputQualityAction.REFUSE: low / 2,
        }
        return tuple(
            growing(
                metrics.SEGMENT_RECORDS,
                {**place, attributes.INPUT_QUALITY_ACTION: action.value},
                per_look * share,
                subject.looks,
            )
            for action, share in shares.items()
        )

    return Scenario(
        "ClinicalAIInputQualityLow",
        fires={"too many records of one source are poor": judged(many, above)},
        quiet={
            "few records are poor": judged(many, below),
            "there are too few records": judged(limits.minimum_records / 2, 1),
            "nobody declared the source": judged(many, above, (source[0], OTHER)),
            "the segment is no source": judged(many, above, ("encounter_type", "inpatient")),
        },
        about=({**subject.model, **in_segment(source)},),
        model=subject.name,
        looks=subject.looks,
    )


def _drift(subject: Subject) -> Scenario:
    flag = {
        **subject.stream,
        attributes.DRIFT_SIGNAL: "confidence",
        attributes.DRIFT_DETECTOR: DriftDetector.ADWIN.value,
    }
    raised = level(metrics.DRIFT_STATUS, flag, 1, subject.looks)
    return Scenario(
        "ClinicalAIDriftDetected",
        fires={"a detection is recent": (subject.active(), raised)},
        quiet={
            "the detection is past": (subject.active(), level(metrics.DRIFT_STATUS, flag, 0, subject.looks)),
            "another version serves": (subject.active("another"), raised),
        },
        about=(flag,),
        model=subject.name,
        looks=subject.looks,
    )


def _safety(subject: Subject) -> Scenario:
    event = {
        **subject.served,
        attributes.SAFETY_EVENT_SEVERITY: SafetyEventSeverity.NEAR_MISS.value,
        attributes.SAFETY_EVENT_TYPE: SafetyEventType.MEDICATION.value,
    }
    # To a test every counter is born at its start, so what that raised must have been held to its end.
    looks = subject.looks + round(subject.policy.hold.keep_firing / subject.interval)
    return Scenario(
        "ClinicalAISafetyEvent",
        fires={
            "a counter grows from 0": (late(metrics.SAFETY_EVENTS, event, looks),),
            "a counter is born at 1": (born(metrics.SAFETY_EVENTS, event, looks),),
        },
        quiet={"the last event is long past": (level(metrics.SAFETY_EVENTS, event, 3, looks),)},
        about=(event,),
        model=subject.name,
        looks=looks,
    )
