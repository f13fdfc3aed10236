"""Outcomes: event, points, exemplar, delay, and every way in which a report is refused."""

from __future__ import annotations

import pytest

from otel_clinical.instrument import (
    Rejection,
    configure_receipts,
    current_inference,
    record_outcome,
    record_review,
    register_version,
)
from otel_clinical.semconv import attributes, events, metrics
from tests.instrument._coding import AT


def test_an_outcome_event_has_exactly_the_agreed_shape(capture, receipt):
    recorded = record_outcome(
        receipt, result="correct", source="coding_audit", at=AT + 3600, telemetry=capture.telemetry
    )
    (event,) = capture.events
    assert recorded
    assert event.event_name == events.OUTCOME
    assert event.timestamp == int(AT + 3600) * 10**9
    assert event.severity_text == "INFO"
    assert event.body is None
    assert dict(event.attributes) == {
        attributes.EVENT_ID: recorded.event_id,
        attributes.INFERENCE_ID: receipt.inference_id,
        attributes.INFERENCE_TIME: AT,
        attributes.MODEL_NAME: "coding",
        attributes.MODEL_VERSION: "7",
        attributes.DEPLOYMENT_ACTIVATION: 3,
        attributes.USE_CASE: "revenue_cycle",
        attributes.ROUTING_LEVEL: "standard",
        attributes.CONFIDENCE_SCORE: 0.9,
        attributes.SEGMENT_PAYER: "medicaid",
        attributes.SEGMENT_SITE: "h01",
        attributes.OUTCOME_RESULT: "correct",
        attributes.OUTCOME_SOURCE: "coding_audit",
        attributes.OUTCOME_SCORE: 1.0,
    }
    capture.assert_conforms()


def test_an_event_lies_in_the_trace_of_the_original_inference(capture, receipt):
    record_outcome(receipt.dumps(), result="incorrect", at=AT + 60, telemetry=capture.telemetry)
    (event,) = capture.events
    assert (event.trace_id, event.span_id) == (capture.span.context.trace_id, capture.span.context.span_id)
    assert event.severity_text == "WARN"


def test_an_exemplar_leads_back_to_the_original_inference(capture, receipt):
    record_outcome(receipt.dumps(), result="correct", at=AT + 60, telemetry=capture.telemetry)
    (metric,) = [one for one in capture.all_metrics() if one.name == metrics.OUTCOMES.name]
    traces = {exemplar.trace_id for point in metric.data.data_points for exemplar in point.exemplars}
    assert traces == {capture.span.context.trace_id}


def test_an_outcome_is_charged_to_the_version_and_segments_of_its_receipt(capture, receipt):
    register_version("coding", "8", telemetry=capture.telemetry)
    for result in ("correct", "incorrect", "partial"):
        record_outcome(receipt, result=result, source="claim", at=AT + 60, telemetry=capture.telemetry)
    counted = capture.points(metrics.OUTCOMES)
    assert counted == {("coding", "7", "revenue_cycle", r, "claim"): 1 for r in ("correct", "incorrect", "partial")}
    segments = capture.points(metrics.SEGMENT_OUTCOMES)
    assert segments["coding", "7", "payer", "medicaid", "incorrect"] == 1
    assert segments["coding", "7", "site", "h01", "partial"] == 1
    assert len(segments) == 6


@pytest.mark.parametrize(
    ("result", "score", "expected"),
    [("correct", None, 1.0), ("incorrect", None, 0.0), ("partial", None, 0.5), ("partial", 0.8, 0.8)],
)
def test_the_score_follows_from_the_result_unless_given(capture, receipt, result, score, expected):
    record_outcome(receipt, result=result, score=score, at=AT + 1, telemetry=capture.telemetry)
    assert capture.events[0].attributes[attributes.OUTCOME_SCORE] == expected


def test_an_indeterminate_outcome_has_no_score(capture, receipt):
    assert record_outcome(receipt, result="indeterminate", at=AT + 1, telemetry=capture.telemetry)
    assert attributes.OUTCOME_SCORE not in capture.events[0].attributes


@pytest.mark.parametrize("score", [float("nan"), -1, 2, "good"])
def test_an_outcome_with_a_bad_score_is_rejected_not_guessed(capture, receipt, score):
    recorded = record_outcome(receipt, result="correct", score=score, at=AT + 1, telemetry=capture.telemetry)
    assert (recorded.ok, recorded.rejection) == (False, Rejection.BAD_VALUE)
    assert not capture.events
    assert sum(capture.redactions().values()) == 1


def test_an_unknown_result_is_rejected_and_an_unknown_source_is_other(capture, receipt):
    bad = record_outcome(receipt, result="Mr Smith died", at=AT + 1, telemetry=capture.telemetry)
    assert bad.rejection is Rejection.BAD_VALUE
    assert record_outcome(receipt, result="correct", source="Mr Smith", at=AT + 1, telemetry=capture.telemetry)
    assert capture.events[0].attributes[attributes.OUTCOME_SOURCE] == "_OTHER"


@pytest.mark.parametrize(
    ("make", "rejection"),
    [
        (lambda text: text[:50], "truncated"),
        (lambda text: text[:-4] + "AAAA", "bad_signature"),
        (lambda _: "hello", "malformed"),
        (lambda _: None, "malformed"),
        (lambda _: object(), "malformed"),
        (lambda text: text.replace(".k1.", ".k9."), "unknown_key"),
    ],
)
def test_a_bad_receipt_is_a_counted_rejection_never_an_exception(capture, receipt, make, rejection):
    configure_receipts({"k1": b"x" * 16})
    recorded = record_outcome(make(receipt.dumps()), result="correct", at=AT + 1, telemetry=capture.telemetry)
    assert not recorded
    assert recorded.rejection == rejection
    assert not capture.events
    assert capture.points(metrics.OUTCOMES) == {}
    ((component, _),) = capture.errors()
    assert component == "receipt"


def test_receipts_out_of_time_are_rejected(capture, receipt):
    text = receipt.dumps()
    future = record_outcome(text, result="correct", at=AT - 3600, telemetry=capture.telemetry)
    expired = record_outcome(text, result="correct", at=AT + 500 * 86400, telemetry=capture.telemetry)
    assert (future.rejection, expired.rejection) == (Rejection.FROM_FUTURE, Rejection.EXPIRED)


def test_a_receipt_of_no_inference_is_rejected(capture):
    recorded = record_review(current_inference().receipt, action="accepted", telemetry=capture.telemetry)
    assert recorded.rejection is Rejection.NO_INFERENCE


def test_a_repeated_event_id_is_counted_once(capture, receipt):
    first, second = (
        record_outcome(receipt, result="correct", at=AT + 1, event_id="ab" * 16, telemetry=capture.telemetry)
        for _ in range(2)
    )
    assert first.event_id == "ab" * 16
    assert second.rejection is Rejection.DUPLICATE
    assert sum(capture.points(metrics.OUTCOMES).values()) == 1


@pytest.mark.parametrize("event_id", ["MRN 00123", "", "x" * 40, 7.5, object()])
def test_an_event_id_that_could_be_a_patient_is_refused(capture, receipt, event_id):
    recorded = record_review(receipt, action="accepted", event_id=event_id, telemetry=capture.telemetry)
    assert recorded.rejection is Rejection.BAD_VALUE


def test_a_negative_delay_is_counted_as_an_error_and_the_outcome_kept(capture, receipt):
    assert record_outcome(receipt, result="correct", at=AT - 5, telemetry=capture.telemetry)
    assert capture.points(metrics.OUTCOME_DELAY) == {}
    assert capture.errors() == {("receipt", "ImplausibleDelay"): 1}
    assert len(capture.events) == 1


def test_delay_and_confidence_of_an_outcome_are_recorded(capture, receipt):
    record_outcome(receipt, result="correct", source="claim", at=AT + 7200, telemetry=capture.telemetry)
    assert capture.points(metrics.OUTCOME_DELAY) == {("coding", "claim"): (1, 7200.0)}
    assert capture.points(metrics.OUTCOME_CONFIDENCE) == {("coding", "7", "correct"): (1, 0.9)}


@pytest.mark.parametrize(
    ("result", "given", "sent"),
    [
        ("correct", "true_positive", "true_positive"),
        ("incorrect", "false_negative", "false_negative"),
        ("correct", None, None),
        ("correct", "false_positive", None),  # contradicts the result
        ("indeterminate", "true_negative", None),
        ("correct", "Mr Smith", None),
    ],
)
def test_the_cell_of_the_confusion_matrix_is_sent_where_it_agrees_with_the_result(
    capture, receipt, result, given, sent
):
    assert record_outcome(receipt, result=result, outcome_class=given, at=AT + 1, telemetry=capture.telemetry)
    assert capture.events[0].attributes.get(attributes.OUTCOME_CLASS) == sent
    if sent is not None:
        capture.assert_conforms()
