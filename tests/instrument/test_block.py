"""An inference as a `with` block: the same driver, without a function to decorate."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_clinical.instrument import (
    ModelRouter,
    QualityProfile,
    RoutedToManual,
    business,
    current_inference,
    inference,
    input_quality,
    outcome,
    review,
)
from otel_clinical.release import ReleasePointer, Segment, SegmentRule, create_pointer, swap_pointer
from otel_clinical.semconv import attributes, metrics


def declare(capture, **options):
    return inference(model="coding", version="7", telemetry=capture.telemetry, **options)


def status(span):
    return span.attributes[attributes.INFERENCE_STATUS]


def test_a_block_is_an_inference_from_its_first_line_to_its_last(capture):
    with declare(capture, confidence_method="calibrated") as current:
        assert current_inference() is current
        assert not capture.spans
        current.set_confidence(0.75)
        receipt = current.receipt
    assert current.ended
    assert current_inference() is not current
    assert status(capture.span) == "completed"
    assert capture.span.attributes[attributes.CONFIDENCE_SCORE] == 0.75
    assert capture.span.attributes[attributes.CONFIDENCE_METHOD] == "calibrated"
    assert receipt.confidence == 0.75
    assert sum(capture.points(metrics.INFERENCES).values()) == 1
    capture.assert_conforms()


def test_an_async_block_is_an_inference_of_its_task_alone(capture):
    async def one(number):
        async with declare(capture) as current:
            await asyncio.sleep(0)
            assert current_inference() is current
            current.set_confidence(number / 10)
            return current.id

    async def main():
        return await asyncio.gather(*(one(number) for number in range(5)))

    assert len(set(asyncio.run(main()))) == 5
    assert sorted(span.attributes[attributes.CONFIDENCE_SCORE] for span in capture.spans) == [0, 0.1, 0.2, 0.3, 0.4]


def test_segments_of_a_block_are_the_values_themselves(capture):
    with declare(capture, segments={"payer": "medicaid", "site": "somewhere else"}) as current:
        assert current.segments == {"payer": "medicaid", "site": "_OTHER"}
    assert capture.span.attributes[attributes.SEGMENT_PAYER] == "medicaid"


def test_the_exception_of_a_block_passes_unchanged_and_shows_its_class_alone(capture):
    error = KeyError("MRN 00123")
    with pytest.raises(KeyError) as caught, declare(capture):
        raise error
    assert caught.value is error
    assert status(capture.span) == "failed"
    assert capture.span.attributes[attributes.ERROR_TYPE] == "KeyError"
    assert "MRN" not in capture.span.to_json()


def test_a_cancelled_block_is_cancelled_not_failed(capture):
    async def main():
        async with declare(capture):
            await asyncio.Event().wait()

    async def cancelled():
        task = asyncio.create_task(main())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert status(capture.span) == "cancelled"


def test_one_declaration_serves_nested_blocks_and_threads(capture):
    declared = declare(capture)

    def work(number):
        with declared as outer, declared as inner:
            assert current_inference() is inner
            inner.set_confidence(number / 100)
            outer.set_confidence(1)
        assert outer.ended
        assert inner.ended
        return inner.id

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(work, range(40)))
    assert len(set(ids)) == 40
    assert len(capture.spans) == 80
    assert not declared._open


def test_one_declaration_decorates_and_opens_blocks(capture):
    declared = declare(capture)
    assert declared(lambda: "answer")() == "answer"
    with declared:
        pass
    assert [status(span) for span in capture.spans] == ["completed", "completed"]


def test_a_block_left_in_another_task_ends_and_logs_nothing(capture, caplog):
    async def stream():
        async with declare(capture):
            yield 1
            yield 2

    async def main():
        generator = stream()
        await asyncio.create_task(first(generator))
        await asyncio.create_task(generator.aclose())

    async def first(generator):
        return await anext(generator)

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert not caplog.records
    assert status(capture.span) == "cancelled"


def test_a_block_is_routed_by_its_segments_and_does_not_run_on_the_manual_route(capture, tmp_path):
    path = tmp_path / "coding.json"
    create_pointer(path, ReleasePointer(model="coding", version="7", activation=2, epoch=5))
    rule = SegmentRule(Segment("payer", "medicaid"), "manual", reason="rollback")
    swap_pointer(path, 5, lambda pointer: pointer.with_rule(rule, at=1.0, by="test"))
    router = ModelRouter("coding", pointer=path, versions={"7": lambda: "seven"}, telemetry=capture.telemetry)

    def answer(payer):
        with inference(model="coding", router=router, segments={"payer": payer}, telemetry=capture.telemetry):
            return router()

    assert answer("commercial") == "seven"
    with pytest.raises(RoutedToManual):
        answer("medicaid")
    served, refused = capture.spans
    assert (status(served), status(refused)) == ("completed", "abstained")
    assert refused.attributes[attributes.ABSTENTION_REASON] == "policy"
    assert current_inference().ended


def test_a_broken_tracer_does_not_break_a_block(capture, monkeypatch):
    monkeypatch.setattr(capture.telemetry, "tracer", None)
    with declare(capture):
        answer = 1
    assert answer == 1
    assert sum(capture.errors().values()) >= 1


# --- misuse ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"confidence": "p"}, r"confidence needs a call.*current\.set_confidence"),
        ({"quality": QualityProfile(required=("age",))}, r"quality needs a call.*current\.set_quality"),
        ({"fallback": print}, "fallback needs a call.*RoutedToManual"),
        ({"on_refuse": print}, "on_refuse needs a call.*decorate a function"),
        ({"segments": {"payer": lambda _: "x"}}, r"current\.set_segment\('payer', value\)"),
    ],
)
def test_an_option_that_needs_a_call_is_refused_before_a_block_runs(capture, options, advice):
    with pytest.raises(TypeError, match=advice), declare(capture, **options):
        raise AssertionError("the block ran")
    assert not capture.spans


@pytest.mark.parametrize("make", [inference, outcome, review, business])
def test_a_decorator_without_parentheses_says_what_to_write(make):
    with pytest.raises(TypeError, match=rf"{make.__name__} takes named options only.*; write @{make.__name__}\("):
        make(lambda: None)


def test_what_cannot_be_decorated_is_told_apart(capture):
    with pytest.raises(TypeError, match="Model is a class; decorate the method"):
        declare(capture)(type("Model", (), {}))
    with pytest.raises(TypeError, match="write @inference below @property"):
        declare(capture)(property(lambda _: 1))
    with pytest.raises(TypeError, match="segment 'payer' comes from 'int'; write the name of a parameter"):
        declare(capture, segments={"payer": 5})(print)


def test_an_input_gate_without_its_profile_says_what_to_write():
    with pytest.raises(TypeError, match=r"write @input_quality\(QualityProfile\("):
        input_quality(lambda: None)


def test_a_value_outside_a_closed_set_is_told_with_the_allowed_ones():
    with pytest.raises(ValueError, match=r"use_case is 'billing', expected one of .*revenue_cycle"):
        inference(model="coding", version="7", use_case="billing")
