"""Watch what the confidence is worth: proof that it is off, and the drop that it lets expect. Tier 1 and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._rules_promql import (
    STREAM,
    VERSION,
    all_of,
    labels,
    number,
    only_active,
    over,
    select,
)
from otel_clinical.generate._rules_scale import limit_of
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHERE, Author, Message, label
from otel_clinical.policy import duration_text
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import EscalationLevel, EstimateValidity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert
    from otel_clinical.policy import ModelPolicy

CALIBRATION_ALERT = "ClinicalAICalibrationOff"
ESTIMATE_ALERT = "ClinicalAIEstimatedPerformanceLow"


def confidence(author: Author, name: str, model: ModelPolicy) -> Iterator[Alert]:
    """Yield the alerts about one model's confidence."""
    yield _calibration(author, name, model)
    if EscalationLevel.ENGINEERING_REVIEW in model.tiers and model.metric.of_every_score:
        yield _estimate(author, name, model)


def _calibration(author: Author, name: str, model: ModelPolicy) -> Alert:
    here = {attributes.MODEL_NAME: name}
    keys = (*STREAM, attributes.DRIFT_DIRECTION)
    proved = over("max", keys, select(metrics.CALIBRATION_EVIDENCE, here)) + " >= 1"
    enough = over("max", STREAM, select(metrics.CALIBRATION_LABELS, here))
    on = labels(STREAM)
    expr = f"({proved}) and on({on}) ({enough} >= {model.calibration.minimum_labels})"
    limits = model.calibration
    return author.alert(
        CALIBRATION_ALERT,
        only_active(expr, name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: the confidence is off ({label(attributes.DRIFT_DIRECTION)}) in {WHERE}",
            f"What: the mean confidence of {MODEL_NAME} version {MODEL_VERSION} is more than "
            f"{number(limits.tolerance * 100)} points away from how often it is right; direction "
            f"{label(attributes.DRIFT_DIRECTION)} (up: too sure of itself). Where: {WHERE}. How sure: proved, within a "
            f"budget of one false alarm in {number(limits.false_alarms.years)} years over the fleet.",
            "Every threshold on the confidence (abstention, routing) is off by as much: calibrate the model anew, or "
            "move the thresholds. The answers may still be right: only the tier alerts say. The machine does nothing.",
        ),
        severity="warning",
        category="drift",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
    )


def _estimate(author: Author, name: str, model: ModelPolicy) -> Alert:
    here = {attributes.MODEL_NAME: name}
    tier = model.tiers[EscalationLevel.ENGINEERING_REVIEW]
    on = labels(VERSION)
    whole = {**here, attributes.SEGMENT_NAME: AGGREGATE}
    estimate = over("max", VERSION, select(metrics.ESTIMATE_PERFORMANCE_RATIO, here))
    baseline = over("max", VERSION, select(metrics.BASELINE_RATIO, whole))
    scale = model.metric.scale
    valid = {**here, attributes.ESTIMATE_VALIDITY: EstimateValidity.VALID.value}
    believed = over("max", VERSION, select(metrics.ESTIMATE_STATUS, valid))
    worse = ">=" if scale.lower else "<="
    expr = all_of(f"{estimate} {worse} on({on}) ({limit_of(scale, baseline, tier.drop)})", f"{believed} == 1")
    return author.alert(
        ESTIMATE_ALERT,
        only_active(expr, name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: recent confidences let expect {{{{ $value | humanizePercentage }}}}",
            f"What: inferences of {MODEL_NAME} version {MODEL_VERSION} that have no outcome yet have confidences at "
            f"which {model.metric.name} of the baseline was {{{{ $value | humanizePercentage }}}}, a drop of "
            f"{number(tier.drop * 100)} % or more. Since: within the last "
            f"{duration_text(author.policy.drift.window)}. How sure: an estimate, believed because recent outcomes do "
            "not refute the confidence; it is blind to a change of what is right.",
            "Look in working hours which cases became harder. Wait for the labels: only they prove a drop. The "
            "machine does nothing.",
        ),
        severity="info",
        category="drift",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
    )
