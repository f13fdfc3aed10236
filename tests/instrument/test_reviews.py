"""Reviews: actions, overrides, edit ratio and time of looking."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from otel_clinical.instrument import (
    record_review,
    review,
)
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import ReviewAction
from tests.instrument._coding import AT


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
