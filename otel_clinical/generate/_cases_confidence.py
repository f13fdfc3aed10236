"""Situations of the calibration and of the performance that confidences let expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import Scenario, Series, Subject, in_segment, level
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import DriftDirection, EscalationLevel, EstimateValidity

if TYPE_CHECKING:
    from collections.abc import Iterator


def confidence_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield one scenario per alert about the confidence."""
    yield _calibration(subject)
    if EscalationLevel.ENGINEERING_REVIEW in subject.policy.tiers and subject.policy.metric.of_every_score:
        yield _estimate(subject)


def _calibration(subject: Subject) -> Scenario:
    enough = subject.policy.calibration.minimum_labels
    up = {**subject.stream, attributes.DRIFT_DIRECTION: DriftDirection.UP.value}

    def seen(evidence: float, labels: int) -> tuple[Series, ...]:
        return (
            subject.active(),
            level(metrics.CALIBRATION_EVIDENCE, up, evidence, subject.looks),
            level(metrics.CALIBRATION_LABELS, subject.stream, labels, subject.looks),
        )

    return Scenario(
        "ClinicalAICalibrationOff",
        fires={"the confidence is proved too high": seen(1, enough)},
        quiet={
            "nothing is proved": seen(0.99, enough),
            "there are too few labels": seen(5, enough - 1),
            "another version serves": (subject.active("another"), *seen(5, enough)[1:]),
        },
        about=(up,),
        model=subject.name,
        looks=subject.looks,
    )


def _estimate(subject: Subject) -> Scenario:
    drop = subject.policy.tiers[EscalationLevel.ENGINEERING_REVIEW].drop
    whole = {**subject.served, **in_segment((AGGREGATE, AGGREGATE))}
    scale = subject.policy.metric.scale
    accepted = round(scale.shown(0.8), 6)

    def seen(times: float, *, valid: bool = True) -> tuple[Series, ...]:
        expected = scale.limit(accepted, drop * times)
        believed = {**subject.served, attributes.ESTIMATE_VALIDITY: EstimateValidity.VALID.value}
        return (
            subject.active(),
            level(metrics.ESTIMATE_PERFORMANCE_RATIO, subject.served, round(expected, 6), subject.looks),
            level(metrics.BASELINE_RATIO, whole, accepted, subject.looks),
            level(metrics.ESTIMATE_STATUS, believed, float(valid), subject.looks),
        )

    return Scenario(
        "ClinicalAIEstimatedPerformanceLow",
        fires={"recent confidences let expect a drop": seen(1.5)},
        quiet={
            "the drop is smaller than tier 1": seen(0.5),
            "the estimate is not to be believed": seen(1.5, valid=False),
            "another version serves": (subject.active("another"), *seen(1.5)[1:]),
        },
        about=(subject.served,),
        model=subject.name,
        looks=subject.looks,
    )
