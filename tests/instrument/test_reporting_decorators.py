"""Functions that learn the truth: what they return is reported, what they raise is not."""

from __future__ import annotations

import asyncio

import pytest

from otel_clinical.instrument import (
    inference,
    outcome,
    record_inference,
    review,
)
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import OutcomeResult, OutcomeSource, ReviewAction


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
