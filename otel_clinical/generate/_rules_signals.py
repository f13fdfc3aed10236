"""Watch what comes before a drop of performance: drift flags, poor input, overrides, safety events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_confidence import confidence
from otel_clinical.generate._rules_features import feature_drift
from otel_clinical.generate._rules_heartbeat import heartbeat
from otel_clinical.generate._rules_model import Group, Record, Rule
from otel_clinical.generate._rules_promql import (
    SEGMENT,
    STREAM,
    VERSION,
    all_of,
    any_of,
    happened,
    increase,
    matchers,
    number,
    only_active,
    other_than,
    over,
    select,
)
from otel_clinical.generate._rules_reviews import reviews
from otel_clinical.generate._rules_segments import some_segment
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHERE, Author, Message, label, stop_by_hand
from otel_clinical.policy import duration_text
from otel_clinical.semconv import OTHER, attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import InputQualityAction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_promql import Conditions
    from otel_clinical.policy import ModelPolicy, Policy

RECORDS: Final = "model_segment:clinical_ai_input_records:increase"
LOW_SHARE: Final = "model_segment:clinical_ai_input_low:ratio"

INPUT_ALERT: Final = "ClinicalAIInputQualityLow"

LOW: Final = any_of(InputQualityAction.FALLBACK, InputQualityAction.REFUSE)
"""What the gate does with a record below the policy's minimum; `flag` is a remark, not a low record."""


def signals(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield one group of records and alerts per model."""
    author = Author(policy)
    for name, model in policy.models.items():
        rules = (
            *_input_quality(author, name, model, pace),
            *reviews(author, name, model, pace),
            *confidence(author, name, model),
            *some_segment(author, name, model),
            feature_drift(author, name, model),
            *heartbeat(author, name, model),
            _drift(author, name, model),
            _safety(author, name, model, pace),
        )
        yield Group(f"clinical-ai-quality-{name}", rules)


def _input_quality(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Iterator[Rule]:
    quality = model.input_quality
    window = pace.window(quality.window)
    # The machine can hold a declared source only; the alert would be refused for any other value.
    source: Conditions = {
        attributes.MODEL_NAME: name,
        attributes.SEGMENT_NAME: quality.by.value,
        attributes.SEGMENT_VALUE: other_than(OTHER),
    }
    low = {**source, attributes.INPUT_QUALITY_ACTION: LOW}
    judged = over("sum", SEGMENT, increase(metrics.SEGMENT_RECORDS, window, source))
    poor = over("sum", SEGMENT, increase(metrics.SEGMENT_RECORDS, window, low))
    own = {prometheus_label(attributes.MODEL_NAME): name}
    yield Record(RECORDS, f"{judged} > 0", own)
    yield Record(LOW_SHARE, f"{poor} / ({judged} > 0)", own)
    here = matchers({attributes.MODEL_NAME: name})
    yield author.alert(
        INPUT_ALERT,
        all_of(
            f"{LOW_SHARE}{here} > {number(quality.maximum_low_share)}",
            f"{RECORDS}{here} >= {quality.minimum_records}",
        ),
        Message(
            f"{MODEL_NAME}: {{{{ $value | humanizePercentage }}}} of the records from {WHERE} are poor",
            f"What: {{{{ $value | humanizePercentage }}}} of the records that {MODEL_NAME} got from {WHERE} were "
            f"below quality {number(quality.minimum)}, where {number(quality.maximum_low_share * 100)} % are "
            f"accepted. Since: within the last {duration_text(quality.window)}. How sure: a count of at least "
            f"{quality.minimum_records} records, no estimate.",
            f"In mode enforce the controller routes this source to {quality.on_breach.value} (this policy: mode "
            f"{model.rollback.mode}); no version is rolled back. Find the interface or form that stopped filling the "
            "fields, and release the source when its records are whole again.",
        ),
        severity="warning",
        category="quality",
        model=name,
        tier="engineering",
        extra={"action": "hold"},
        pending=model.hold.for_,
        keep_firing=model.hold.keep_firing,
    )


def _drift(author: Author, name: str, model: ModelPolicy) -> Alert:
    keys = (*STREAM, attributes.DRIFT_SIGNAL, attributes.DRIFT_DETECTOR)
    flagged = over("max", keys, select(metrics.DRIFT_STATUS, {attributes.MODEL_NAME: name})) + " == 1"
    return author.alert(
        "ClinicalAIDriftDetected",
        only_active(flagged, name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: {label(attributes.DRIFT_SIGNAL)} changed in {WHERE}",
            f"What: detector {label(attributes.DRIFT_DETECTOR)} says that {label(attributes.DRIFT_SIGNAL)} of "
            f"{MODEL_NAME} version {MODEL_VERSION} changed. Where: {WHERE}. Since: within the last "
            f"{duration_text(author.policy.drift.drift_hold)}. How sure: it changed; whether for the worse, and by "
            "how much, only the tier alerts say.",
            "No page. Look at the dashboard in working hours: a change of case mix or season is no fault. The "
            "machine does nothing.",
        ),
        severity="info",
        category="drift",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
    )


def _safety(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    keys = (*VERSION, attributes.SAFETY_EVENT_SEVERITY, attributes.SAFETY_EVENT_TYPE)
    return author.alert(
        "ClinicalAISafetyEvent",
        happened(metrics.SAFETY_EVENTS, keys, pace.recent, {attributes.MODEL_NAME: name}),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: safety event, {label(attributes.SAFETY_EVENT_SEVERITY)}, "
            f"{label(attributes.SAFETY_EVENT_TYPE)}",
            f"What: a person reported a safety event about {MODEL_NAME} version {MODEL_VERSION}: severity "
            f"{label(attributes.SAFETY_EVENT_SEVERITY)}, type {label(attributes.SAFETY_EVENT_TYPE)}. Since: "
            f"within the last {duration_text(pace.recent)}. How sure: one report is enough; it is never "
            "suppressed by another alert.",
            f"Is a patient at risk now? Then {stop_by_hand(model)} Follow the hospital's incident procedure. The "
            "machine does nothing on safety events.",
        ),
        severity="critical",
        category="safety",
        model=name,
        tier="governance",
        keep_firing=model.hold.keep_firing,
    )
