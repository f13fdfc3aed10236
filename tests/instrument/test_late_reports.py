"""Reviews, outcomes, business figures and deployment changes: events, points, rejections."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from otel_clinical.instrument import (
    Rejection,
    business,
    configure_receipts,
    current_inference,
    declare_segments,
    declare_values,
    inference,
    outcome,
    record_cost,
    record_deployment_change,
    record_encounter,
    record_inference,
    record_outcome,
    record_revenue,
    record_review,
    record_risk_event,
    record_task,
    register_version,
    review,
)
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import OutcomeResult, OutcomeSource, ReviewAction, UseCase

AT = 1_700_000_000.0


@pytest.fixture
def receipt(capture):
    return record_inference(
        model="coding",
        version="7",
        use_case=UseCase.REVENUE_CYCLE,
        segments={"payer": "medicaid", "site": "h01"},
        confidence=0.9,
        started_at=AT,
        duration=0.5,
        activation=3,
        telemetry=capture.telemetry,
    )


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


def test_a_review_reports_action_override_and_edit_ratio(capture, receipt):
    record_review(
        receipt,
        action=ReviewAction.EDITED,
        edit_ratio=0.25,
        reason="incorrect",
        role="coder",
        at=datetime.fromtimestamp(AT + 60, UTC),
        telemetry=capture.telemetry,
    )
    (event,) = capture.events
    assert event.event_name == events.REVIEW
    assert event.timestamp == int(AT + 60) * 10**9
    assert event.attributes[attributes.REVIEW_ACTION] == "edited"
    assert event.attributes[attributes.REVIEW_EDIT_RATIO] == 0.25
    assert event.attributes[attributes.OVERRIDE_REASON] == "incorrect"
    assert event.attributes[attributes.REVIEWER_ROLE] == "coder"
    assert capture.points(metrics.REVIEWS) == {("coding", "7", "revenue_cycle", "standard", "edited"): 1}
    assert capture.points(metrics.OVERRIDES) == {("coding", "7", "incorrect"): 1}
    assert capture.points(metrics.SEGMENT_REVIEWS)["coding", "7", "payer", "medicaid", "edited"] == 1
    assert capture.points(metrics.REVIEW_DELAY) == {("coding", "edited"): (1, 60.0)}
    capture.assert_conforms()


def test_an_accepted_answer_is_no_override(capture, receipt):
    record_review(receipt, action="accepted", reason="incorrect", at=AT + 1, telemetry=capture.telemetry)
    assert capture.points(metrics.OVERRIDES) == {}
    assert attributes.OVERRIDE_REASON not in capture.events[0].attributes


def test_a_rejection_without_a_reason_is_an_override_for_another_reason(capture, receipt):
    record_review(receipt, action="rejected", at=AT + 1, telemetry=capture.telemetry)
    assert capture.points(metrics.OVERRIDES) == {("coding", "7", "_OTHER"): 1}
    assert capture.events[0].severity_text == "WARN"


def test_a_bad_edit_ratio_is_withheld_and_the_review_kept(capture, receipt):
    nan = float("nan")
    assert record_review(receipt, action="edited", edit_ratio=nan, at=AT + 1, telemetry=capture.telemetry)
    assert attributes.REVIEW_EDIT_RATIO not in capture.events[0].attributes
    assert capture.redactions() == {"non_finite": 1}


def test_a_review_carries_the_time_that_the_application_measured(capture, receipt):
    record_review(receipt, action="accepted", duration=34.5, at=AT + 60, telemetry=capture.telemetry)
    assert capture.events[0].attributes[attributes.REVIEW_DURATION] == 34.5
    capture.assert_conforms()


def test_a_review_without_a_measured_time_carries_none(capture, receipt):
    """Not the delay since the inference, not the time of the call: nobody knows whether it was read."""
    record_review(receipt, action="accepted", at=AT + 60, telemetry=capture.telemetry)
    assert attributes.REVIEW_DURATION not in capture.events[0].attributes


@pytest.mark.parametrize("duration", [-1, float("inf"), "12 s", 86_401.0])
def test_a_bad_duration_is_withheld_and_the_review_kept(capture, receipt, duration):
    assert record_review(receipt, action="accepted", duration=duration, at=AT + 1, telemetry=capture.telemetry)
    assert attributes.REVIEW_DURATION not in capture.events[0].attributes
    assert sum(capture.redactions().values()) == 1


def test_a_decorated_reviewer_function_says_how_long_it_was_looked_at(capture, receipt):
    @review(action="action", duration="seconds", edit_ratio="changed", telemetry=capture.telemetry)
    def on_signed(receipt):
        return {"action": "edited", "seconds": 12, "changed": 0.5}

    on_signed(receipt)
    assert capture.events[0].attributes[attributes.REVIEW_DURATION] == 12.0


def test_the_run_time_of_a_decorated_reviewer_function_is_no_review_time(capture, receipt):
    @review(telemetry=capture.telemetry)
    def on_signed(receipt):
        return ReviewAction.ACCEPTED

    on_signed(receipt)
    assert attributes.REVIEW_DURATION not in capture.events[0].attributes


# --- decorators ------------------------------------------------------------------------------------


def test_a_decorated_reviewer_function_reports_what_it_returns(capture, receipt):
    @review(telemetry=capture.telemetry)
    def on_signed(note, receipt):
        return ReviewAction.REJECTED

    assert on_signed("text", receipt=receipt) is ReviewAction.REJECTED
    assert capture.events[0].attributes[attributes.REVIEW_ACTION] == "rejected"


def test_a_decorated_coroutine_reports_an_outcome_by_extractors(capture, receipt):
    @outcome(
        receipt="case.receipt",
        result=lambda found: OutcomeResult.PARTIAL if found["agreed"] < 1 else OutcomeResult.CORRECT,
        score="agreed",
        source=OutcomeSource.CODING_AUDIT,
        telemetry=capture.telemetry,
    )
    async def audit(case):
        return {"agreed": 0.75}

    asyncio.run(audit({"receipt": receipt}))
    found = capture.events[0].attributes
    assert found[attributes.OUTCOME_RESULT] == "partial"
    assert found[attributes.OUTCOME_SCORE] == 0.75


def test_a_function_that_raises_reports_nothing(capture, receipt):
    @outcome(telemetry=capture.telemetry)
    def audit(receipt):
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 -- the user's own, without text
        audit(receipt)
    assert not capture.events


def test_a_report_that_cannot_be_read_is_counted_and_the_result_returned(capture):
    @outcome(result="verdict", telemetry=capture.telemetry)
    def audit(case):
        return {"verdict": "correct"}

    assert audit(object()) == {"verdict": "correct"}
    assert capture.errors() == {("receipt", "MalformedReceiptError"): 1}


def test_inference_and_review_stack_on_one_function(capture):
    @review(receipt="receipt", action=lambda _: "accepted", telemetry=capture.telemetry)
    @inference(model="coding", version="7", telemetry=capture.telemetry)
    def both(receipt):
        return 1

    earlier = record_inference(model="coding", version="7", telemetry=capture.telemetry)
    both(earlier)
    assert len(capture.spans) == 2
    assert len(capture.events) == 1


# --- business --------------------------------------------------------------------------------------


def test_money_is_counted_as_credit_and_debit_and_never_negative(capture):
    where = {"telemetry": capture.telemetry}
    assert record_revenue(100.5, use_case=UseCase.REVENUE_CYCLE, **where)
    assert record_revenue(20, use_case="revenue_cycle", entry="debit", assistance="without_ai", **where)
    assert record_revenue(-5, use_case="revenue_cycle", **where).rejection is Rejection.BAD_VALUE
    assert record_revenue(5, use_case="revenue_cycle", currency="dollars", **where).rejection is Rejection.BAD_VALUE
    assert record_cost(7, use_case="revenue_cycle", category="Mr Smith", **where)
    declare_values(attributes.BUSINESS_CATEGORY, ["denial"], **where)
    assert record_risk_event(use_case="revenue_cycle", category="denial", **where)
    assert record_encounter(use_case="revenue_cycle", **where)
    assert capture.points(metrics.BUSINESS_REVENUE) == {
        ("revenue_cycle", "USD", "with_ai", "credit"): 100.5,
        ("revenue_cycle", "USD", "without_ai", "debit"): 20,
    }
    assert capture.points(metrics.BUSINESS_COST) == {("revenue_cycle", "USD", "_OTHER"): 7}
    assert capture.points(metrics.BUSINESS_RISK_EVENTS) == {("revenue_cycle", "denial"): 1}
    assert capture.points(metrics.BUSINESS_ENCOUNTERS) == {("revenue_cycle", "with_ai"): 1}
    capture.assert_conforms()


def test_a_decorated_task_reports_its_time_money_and_encounter(capture):
    @business(
        task="chart_review",
        use_case="revenue_cycle",
        revenue="paid",
        cost=lambda result: result["cost"],
        encounter=True,
        telemetry=capture.telemetry,
    )
    def work():
        return {"paid": 10.0, "cost": 2.0}

    assert work()["paid"] == 10
    ((labels, (count, seconds)),) = capture.points(metrics.TASK_DURATION).items()
    assert (labels, count) == (("chart_review", "with_ai"), 1)
    assert 0 <= seconds < 60
    assert sum(capture.points(metrics.BUSINESS_REVENUE).values()) == 10
    assert sum(capture.points(metrics.BUSINESS_COST).values()) == 2
    assert sum(capture.points(metrics.BUSINESS_ENCOUNTERS).values()) == 1


def test_an_undeclared_task_is_other(capture):
    assert record_task("Mr Smith", 5, telemetry=capture.telemetry)
    assert capture.points(metrics.TASK_DURATION) == {("_OTHER", "with_ai"): (1, 5.0)}


def test_only_attributes_with_declared_values_can_be_declared(capture):
    with pytest.raises(ValueError, match="for segments use declare_segments"):
        declare_values(attributes.MODEL_NAME, ["x"], telemetry=capture.telemetry)


# --- deployments -----------------------------------------------------------------------------------


def test_a_deployment_change_is_an_event_and_a_count(capture):
    recorded = record_deployment_change(
        "coding",
        from_version="7",
        to_version="8",
        type="rollback",
        trigger="automatic",
        reason="accuracy",
        activation=4,
        at=AT,
        telemetry=capture.telemetry,
    )
    (event,) = capture.events
    assert event.event_name == events.DEPLOYMENT_CHANGE
    assert event.timestamp == int(AT) * 10**9
    assert dict(event.attributes) == {
        attributes.EVENT_ID: recorded.event_id,
        attributes.MODEL_NAME: "coding",
        attributes.MODEL_VERSION: "8",
        attributes.MODEL_PREVIOUS_VERSION: "7",
        attributes.DEPLOYMENT_ACTIVATION: 4,
        attributes.DEPLOYMENT_CHANGE_TYPE: "rollback",
        attributes.DEPLOYMENT_CHANGE_TRIGGER: "automatic",
        attributes.DEPLOYMENT_CHANGE_REASON: "accuracy",
    }
    assert capture.points(metrics.DEPLOYMENT_CHANGES) == {("coding", "rollback", "automatic", "accuracy"): 1}
    capture.assert_conforms()


def test_a_deployment_change_with_a_bad_name_is_rejected(capture):
    recorded = record_deployment_change("a b", from_version="7", to_version="8", telemetry=capture.telemetry)
    assert recorded.rejection is Rejection.BAD_VALUE


def test_every_closed_counter_starts_at_zero_when_a_version_is_registered(capture):
    register_version("coding", "7", use_case=UseCase.IMAGING, telemetry=capture.telemetry)
    outcomes = capture.points(metrics.OUTCOMES, zeros=True)
    assert set(outcomes.values()) == {0}
    assert ("coding", "7", "imaging", "correct", "claim") in outcomes
    assert len(capture.points(metrics.SAFETY_EVENTS, zeros=True)) == 7 * 8
    assert len(capture.points(metrics.REVIEWS, zeros=True)) == 3 * 5
    assert len(capture.points(metrics.OVERRIDES, zeros=True)) == 10
    segments = capture.points(metrics.SEGMENT_OUTCOMES, zeros=True)
    assert ("coding", "7", "payer", "medicaid", "correct") in segments
    capture.assert_conforms()


def test_the_first_call_of_a_decorated_function_registers_its_version(capture):
    inference(model="coding", version="9", telemetry=capture.telemetry)(lambda: 1)()
    assert any(key[1] == "9" for key in capture.points(metrics.OUTCOMES, zeros=True))


def test_registering_a_mistake_is_an_error():
    with pytest.raises(ValueError, match="version is 'x y'"):
        register_version("coding", "x y")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ward": ["a"]}, "segment 'ward': expected one of site"),
        ({"payer": "medicaid"}, "one string, expected a list"),
        ({"payer": ["a" * 65]}, "expected 1 to 64 letters"),
        ({"payer": ["a b"]}, "value 'a b'"),
        ({"payer": ["all"]}, "'all' stands for the aggregate"),
        ({"payer": [object()]}, "value 'object'"),
        ({"payer": [str(n) for n in range(201)]}, "201 values, expected at most 200"),
    ],
)
def test_a_declaration_that_cannot_be_is_named_and_changes_nothing(capture, values, message):
    before = capture.telemetry.declared.allowed(attributes.SEGMENT_PAYER)
    with pytest.raises(ValueError, match=message):
        declare_segments({"site": ["new"], **values}, telemetry=capture.telemetry)
    assert capture.telemetry.declared.allowed(attributes.SEGMENT_PAYER) == before
    assert "new" not in capture.telemetry.declared.allowed(attributes.SEGMENT_SITE)


# --- words and names that nobody declared -----------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            lambda receipt, word, where: record_review(receipt, action=word, telemetry=where),
            f"record_review: action is not one of {', '.join(ReviewAction)}; nothing was recorded",
        ),
        (
            lambda receipt, word, where: record_outcome(receipt, result=word, telemetry=where),
            f"record_outcome: result is not one of {', '.join(OutcomeResult)}; nothing was recorded",
        ),
    ],
)
def test_a_misspelt_word_is_said_once_and_counted_each_time_without_the_word(capture, receipt, caplog, report, said):
    for word in ("Jane Smith", None, 7):
        assert report(receipt, word, capture.telemetry).rejection is Rejection.BAD_VALUE
    assert [record.getMessage() for record in caplog.records] == [f"telemetry of clinical AI: {said}"]
    assert capture.errors() == {("decorator", "UnknownWord"): 3}


def test_each_parameter_with_a_misspelt_word_is_said(capture, receipt, caplog):
    record_outcome(receipt, result="corect", at=AT + 1, telemetry=capture.telemetry)
    record_outcome(receipt, result="correct", source="codng", at=AT + 1, telemetry=capture.telemetry)
    record_review(receipt, action="edited", reason="incomplet", role="codr", at=AT + 1, telemetry=capture.telemetry)
    assert [record.args[0].partition(" is not")[0] for record in caplog.records] == [
        "record_outcome: result",
        "record_outcome: source",
        "record_review: reason",
        "record_review: role",
    ]
    assert "; _OTHER was recorded" in caplog.text
    assert not {"corect", "codng", "incomplet", "codr"} & set(caplog.text.replace(",", " ").replace(";", " ").split())


def test_undeclared_models_and_versions_are_said_once_counted_and_sent(capture, receipt, caplog):
    capture.telemetry.models.declare("coding", ["8"])
    capture.telemetry.models.declare("sepsis", ["1"])
    for _ in range(2):
        assert record_outcome(receipt, result="correct", at=AT + 1, telemetry=capture.telemetry)
    record_inference(model="codng", version="8", telemetry=capture.telemetry)
    first, second = (record.getMessage() for record in caplog.records)
    assert "a version of model coding that the policy does not declare (declared: 8)" in first
    assert "a model that the policy does not declare (declared: coding, sepsis)" in second
    assert "codng" not in caplog.text
    assert capture.errors() == {("config", "UndeclaredVersion"): 2, ("config", "UndeclaredModel"): 1}
    assert len(capture.events) == 2
    assert len(capture.spans) == 2


def test_what_is_declared_and_what_has_no_version_yet_is_no_problem(capture, receipt, caplog):
    capture.telemetry.models.declare("coding", ["7"])
    record_outcome(receipt, result="correct", at=AT + 1, telemetry=capture.telemetry)
    record_inference(model="coding", version="_OTHER", telemetry=capture.telemetry)
    assert not caplog.records
    assert not capture.errors()


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
