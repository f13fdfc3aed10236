"""One span or log record as one row of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_clinical.drift.explode._batch import ABSENT, NO_FEATURES, Kind
from otel_clinical.drift.explode._subject import SKEW, SUBJECT_KEYS, Reader, check_time
from otel_clinical.drift.explode._truth import outcome_mark, outcome_score
from otel_clinical.drift.explode._values import RefusedError, bad, identity, number, text
from otel_clinical.drift.explode._verdict import mark_of
from otel_clinical.semconv import attributes, events
from otel_clinical.semconv.enums import DeploymentRole, InferenceStatus, ProcessorRejection

if TYPE_CHECKING:
    from collections.abc import Container

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from otel_clinical.drift.explode._values import Values

Row = tuple[Any, ...]
"""The columns of `RECORD`, in order."""

SPAN_KEYS: Final = SUBJECT_KEYS | {
    attributes.INFERENCE_ID,
    attributes.INFERENCE_STATUS,
    attributes.OPERATION_NAME,
    attributes.DEPLOYMENT_ROLE,
    attributes.REVIEW_ACTION,
    attributes.INPUT_QUALITY_SCORE,
    attributes.INPUT_FEATURES,
}
LOG_KEYS: Final = SUBJECT_KEYS | {
    attributes.EVENT_ID,
    attributes.INFERENCE_ID,
    attributes.INFERENCE_TIME,
    attributes.ENCOUNTER_KEY,
    attributes.OUTCOME_CLASS,
    attributes.OUTCOME_RESULT,
    attributes.OUTCOME_SCORE,
    attributes.REVIEW_ACTION,
    attributes.REVIEW_DURATION,
    attributes.REVIEW_EDIT_RATIO,
}
KINDS: Final = {
    events.OUTCOME: Kind.OUTCOME,
    events.REVIEW: Kind.REVIEW,
    events.DEPLOYMENT_CHANGE: Kind.CHANGE,
    events.SAFETY_EVENT: Kind.SAFETY,
}
_STATUSES: Final = frozenset(status.value for status in InferenceStatus)
SPAN_ID_BYTES: Final = 8  # bytes
LATEST_SECONDS: Final = 253_402_300_800.0  # year 10000, seconds


def is_inference(values: Container[str]) -> bool:
    """Say whether a span with these attributes is, or was meant to be, an inference."""
    return attributes.REVIEW_ACTION not in values and (
        attributes.INFERENCE_ID in values
        or attributes.INFERENCE_STATUS in values
        or attributes.OPERATION_NAME in values
    )


def is_shadow(values: Values) -> bool:
    """Say whether an inference was a shadow's: nobody was shown it, so it is no sign that its version serves."""
    role = values.get(attributes.DEPLOYMENT_ROLE)
    return role is not None and role.string_value == DeploymentRole.SHADOW.value


def inference_row(reader: Reader, span: Span, values: Values) -> Row:
    """Return the row of an inference span.

    Raises:
        RefusedError: It cannot be used.
    """
    time = span.start_time_unix_nano // 1000
    check_time(reader, time, "start time")
    if len(span.span_id) != SPAN_ID_BYTES or not any(span.span_id):
        raise bad("span id is not 8 bytes")
    status = text(values, attributes.INFERENCE_STATUS)
    if status not in _STATUSES:
        raise bad(f"{attributes.INFERENCE_STATUS} is not one of the declared words")
    text(values, attributes.INFERENCE_ID)  # it must have one, but its span is what it is known by
    model, version, segments, activation = reader.subject(values)
    return (
        Kind.INFERENCE,
        status == InferenceStatus.COMPLETED,
        model,
        version,
        segments,
        activation,
        ABSENT,
        reader.measurement(values, attributes.CONFIDENCE_SCORE),
        reader.measurement(values, attributes.INPUT_QUALITY_SCORE),
        time,
        time,
        int.from_bytes(span.span_id, "little"),
        0,
        reader.places(values) if attributes.INPUT_FEATURES in values else NO_FEATURES,
        0,
    )


def kind_of(record: LogRecord) -> Kind | None:
    """Return what an event is; None for events the kernel does not use."""
    return KINDS.get(record.event_name)


def event_row(reader: Reader, kind: Kind, record: LogRecord, values: Values) -> Row:
    """Return the row of an outcome, review or deployment change.

    Raises:
        RefusedError: It cannot be used.
    """
    time = (record.time_unix_nano or record.observed_time_unix_nano) // 1000
    event = identity(values, attributes.EVENT_ID)
    inferred, inference, score, mark = time, 0, ABSENT, 0
    if kind is not Kind.CHANGE:
        inference = identity(values, attributes.INFERENCE_ID)
        inferred = _inference_time(values)
    check_time(reader, time, "time of the event", age_of=inferred)
    if inferred > time + SKEW:
        raise RefusedError(
            ProcessorRejection.FUTURE_TIME, f"{attributes.INFERENCE_TIME} is after the time of the event"
        )
    if kind is Kind.OUTCOME:
        score = outcome_score(values)
    model, version, segments, activation = reader.subject(values)
    if kind is Kind.REVIEW:
        mark = mark_of(reader, values)
    if kind is Kind.OUTCOME:
        mark, score = outcome_mark(reader, values, score)
    confidence = reader.measurement(values, attributes.CONFIDENCE_SCORE)
    return (
        kind,
        mark,
        model,
        version,
        segments,
        activation,
        score,
        confidence,
        ABSENT,
        time,
        inferred,
        event,
        inference,
        NO_FEATURES,
        reader.encounter(values) if kind is Kind.OUTCOME else 0,
    )


def _inference_time(values: Values) -> int:
    seconds = number(values, attributes.INFERENCE_TIME)
    if seconds is None:
        raise bad(f"{attributes.INFERENCE_TIME} is missing")
    if not 0 < seconds < LATEST_SECONDS:
        raise bad(f"{attributes.INFERENCE_TIME} is not seconds since 1970")
    return round(seconds * 1e6)
