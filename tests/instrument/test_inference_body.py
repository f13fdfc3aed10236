"""What the body of an inference may say, and what a declaration may not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_clinical.instrument import (
    current_inference,
    inference,
)
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import (
    AbstentionReason,
    RoutingReason,
)
from tests.instrument._coding import Hostile, decorate


def test_abstention_and_route_are_reported(capture):
    @decorate(capture)
    def predict():
        now = current_inference()
        now.restrict("manual", RoutingReason.PATIENT_AGE)
        now.restrict("assisted", RoutingReason.LANGUAGE)
        now.abstain(AbstentionReason.OUT_OF_DISTRIBUTION)

    predict()
    found = capture.span.attributes
    assert (found[attributes.ROUTING_LEVEL], found[attributes.ROUTING_REASON]) == ("manual", "patient_age")
    assert found[attributes.INFERENCE_STATUS] == "abstained"
    assert capture.points(metrics.ABSTENTIONS) == {("coding", "7", "out_of_distribution"): 1}
    assert capture.points(metrics.ROUTING_DECISIONS) == {("coding", "7", "manual", "patient_age"): 1}


def test_nonsense_from_the_body_is_counted_and_does_not_raise(capture):
    @decorate(capture)
    def predict():
        now = current_inference()
        now.abstain("patient Smith died")
        now.restrict("off", "patient Smith")
        now.restrict(Hostile(), Hostile())
        now.set_segment("ward", "x")
        now.set_quality("nonsense")
        now.set_confidence(0.5, "guess")
        return 1

    assert predict() == 1
    assert capture.span.attributes[attributes.ABSTENTION_REASON] == "_OTHER"
    assert capture.redactions() == {"not_allowed": 4}
    assert set(capture.errors()) == {("decorator", "ValueError"), ("decorator", "AttributeError")}


def test_outside_of_an_inference_everything_is_accepted_and_ignored():
    nobody = current_inference()
    nobody.set_confidence(0.5)
    nobody.abstain()
    nobody.set_segment("payer", "x")
    nobody.end()
    assert nobody.confidence is None
    assert nobody.receipt.inference_id == "0" * 32
    assert nobody.bind(lambda: 5)() == 5


def test_a_receipt_taken_inside_is_complete_once_the_inference_has_ended(capture):
    @decorate(capture, confidence="p")
    def predict():
        receipt = current_inference().receipt
        current_inference().restrict("assisted")
        current_inference().set_segment("payer", "medicaid")
        return {"p": 0.8, "receipt": receipt}

    receipt = predict()["receipt"]
    assert (receipt.confidence, receipt.route, dict(receipt.segments)) == (0.8, "assisted", {"payer": "medicaid"})
    with pytest.raises(AttributeError):
        receipt.confidence = 0.9


def test_an_inner_inference_is_a_child_and_the_outer_one_comes_back(capture):
    @inference(model="inner", version="1", telemetry=capture.telemetry)
    def inner():
        return current_inference().model

    @decorate(capture)
    def outer():
        return current_inference().model, inner(), current_inference().model

    assert outer() == ("coding", "inner", "coding")
    child, parent = capture.spans
    assert child.parent.span_id == parent.context.span_id


def test_work_in_another_thread_belongs_to_the_inference_when_bound(capture):
    @decorate(capture)
    def predict():
        with ThreadPoolExecutor(1) as pool:
            bound = pool.submit(current_inference().bind(lambda: current_inference().id)).result()
            free = pool.submit(lambda: current_inference().id).result()
        return bound, free, current_inference().id

    bound, free, mine = predict()
    assert bound == mine
    assert free != mine


def test_setters_after_the_end_change_nothing(capture):
    @decorate(capture)
    def predict():
        return current_inference()

    ended = predict()
    ended.set_confidence(0.5)
    ended.end()
    assert ended.confidence is None
    assert len(capture.spans) == 1
    assert sum(capture.points(metrics.INFERENCES).values()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "two words", "version": "7"}, "model is 'two words', expected 1 to 64"),
        ({"model": "", "version": "7"}, "model is ''"),
        ({"model": "coding", "version": "x" * 65}, "version is"),
        ({"model": "coding", "version": object()}, "version is 'object'"),
        ({"model": "coding"}, "give either version or router"),
        ({"model": "coding", "version": "7", "segments": {"ward": "x"}}, "segment 'ward': expected one of site"),
        ({"model": "coding", "version": "7", "use_case": "billing"}, "billing"),
        ({"model": "coding", "version": "7", "operation": "guess"}, "guess"),
    ],
)
def test_a_mistake_in_the_declaration_is_named_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        inference(**options)
