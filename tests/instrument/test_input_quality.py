"""The gate before a model: what runs, what is reported, in which order decorators may stand."""

from __future__ import annotations

import asyncio

import pytest

from otel_clinical.instrument import InputRefused, QualityProfile, current_inference, inference, input_quality
from otel_clinical.semconv import attributes, events, metrics

PROFILE = QualityProfile(
    required=("age", "dx"),
    ranges={"age": (0, 120), "weight": (0, 400)},
    flag_below=0.9,
    fallback_below=0.6,
    refuse_below=0.3,
)
GOOD = {"age": 40, "dx": "J10", "weight": 80}
FLAGGED = {"age": 40, "dx": "J10", "weight": 900}
FALLBACK = {"age": 400, "weight": 80}
REFUSED = {}


def route(span):
    return span.attributes[attributes.ROUTING_LEVEL], span.attributes.get(attributes.ROUTING_REASON)


def decorated(capture, order, **options):
    observe = inference(model="coding", version="7", telemetry=capture.telemetry)
    gate = input_quality(PROFILE, telemetry=capture.telemetry, **options)

    def predict(record):
        return "model"

    if order == "in the decorator":
        both = inference(model="coding", version="7", quality=PROFILE, telemetry=capture.telemetry, **options)
        return both(predict)
    return observe(gate(predict)) if order == "under" else gate(observe(predict))


@pytest.mark.parametrize("order", ["under", "above", "in the decorator"])
def test_a_good_record_passes_and_is_reported(capture, order):
    assert decorated(capture, order)(GOOD) == "model"
    assert capture.span.attributes[attributes.INPUT_QUALITY_ACTION] == "pass"
    assert capture.span.attributes[attributes.INPUT_QUALITY_SCORE] == 1.0
    assert route(capture.span) == ("standard", None)
    assert capture.points(metrics.INPUT_RECORDS) == {("coding", "_OTHER", "pass"): 1}


@pytest.mark.parametrize("order", ["under", "above", "in the decorator"])
def test_a_flagged_record_is_answered_and_checked_by_a_person(capture, order):
    assert decorated(capture, order)(FLAGGED) == "model"
    assert capture.span.attributes[attributes.INPUT_QUALITY_SCORE] == 0.75
    assert route(capture.span) == ("assisted", "input_quality")
    assert capture.points(metrics.INPUT_ISSUES) == {("coding", "_OTHER", "out_of_range"): 1}


@pytest.mark.parametrize("order", ["under", "in the decorator"])
def test_a_poor_record_goes_to_the_fallback(capture, order):
    assert decorated(capture, order, fallback=lambda _: "rules")(FALLBACK) == "rules"
    assert capture.span.attributes[attributes.INFERENCE_STATUS] == "fallback"
    assert capture.span.attributes[attributes.INPUT_QUALITY_ACTION] == "fallback"


def test_a_gate_above_answers_by_its_fallback_without_an_inference(capture):
    assert decorated(capture, "above", fallback=lambda _: "rules")(FALLBACK) == "rules"
    assert not capture.spans


@pytest.mark.parametrize("order", ["under", "above", "in the decorator"])
def test_without_a_fallback_a_poor_record_is_answered_on_the_manual_route(capture, order):
    assert decorated(capture, order)(FALLBACK) == "model"
    assert route(capture.span) == ("manual", "input_quality")
    assert capture.span.attributes[attributes.INFERENCE_STATUS] == "completed"


@pytest.mark.parametrize("order", ["under", "in the decorator"])
def test_a_refused_record_raises_and_is_an_abstention_not_a_failure(capture, order):
    with pytest.raises(InputRefused, match="fields at fault: age, dx") as caught:
        decorated(capture, order)(REFUSED)
    assert caught.value.result.score == 0
    found = capture.span.attributes
    assert (found[attributes.INFERENCE_STATUS], found[attributes.ABSTENTION_REASON]) == (
        "abstained",
        "low_input_quality",
    )
    assert attributes.ERROR_TYPE not in found
    (event,) = capture.events
    assert event.event_name == events.INPUT_REJECTED
    assert event.attributes[attributes.INPUT_QUALITY_ACTION] == "refuse"
    capture.assert_conforms()


@pytest.mark.parametrize("order", ["under", "above", "in the decorator"])
def test_a_refusal_may_be_answered_instead_of_raised(capture, order):
    assert decorated(capture, order, on_refuse=lambda _: "please complete the record")(REFUSED).startswith("please")


def test_a_gate_alone_refuses_too():
    @input_quality(PROFILE)
    def predict(record):
        return 1

    assert predict(GOOD) == 1
    with pytest.raises(InputRefused):
        predict(REFUSED)


def test_fields_may_be_parameters(capture):
    @inference(
        model="coding",
        version="7",
        quality=QualityProfile(required=("age", "dx"), refuse_below=0.9),
        telemetry=capture.telemetry,
    )
    def predict(age, dx=None):
        return age

    assert predict(4, dx="J10") == 4
    with pytest.raises(InputRefused):
        predict(4)


def test_the_argument_that_holds_the_record_may_be_named(capture):
    @input_quality(PROFILE, argument="encounter", telemetry=capture.telemetry)
    def predict(settings, encounter):
        return 1

    assert predict({"unrelated": 1}, GOOD) == 1
    with pytest.raises(InputRefused):
        predict(GOOD, encounter={"unrelated": 1})


def test_generators_and_coroutines_are_refused_when_they_run(capture):
    @input_quality(PROFILE, telemetry=capture.telemetry)
    def stream(record):
        yield 1

    @input_quality(PROFILE, telemetry=capture.telemetry)
    async def predict(record):
        return 1

    with pytest.raises(InputRefused):
        list(stream(REFUSED))
    assert list(stream(GOOD)) == [1]
    with pytest.raises(InputRefused):
        asyncio.run(predict(REFUSED))
    assert asyncio.run(predict(GOOD)) == 1


def test_a_fallback_of_another_kind_serves_an_async_function_and_a_generator(capture):
    @inference(model="c", version="7", quality=PROFILE, fallback=lambda _: "rules", telemetry=capture.telemetry)
    async def predict(record):
        return "model"

    @inference(model="c", version="7", quality=PROFILE, fallback=lambda _: ["a", "b"], telemetry=capture.telemetry)
    def stream(record):
        yield "model"

    assert asyncio.run(predict(FALLBACK)) == "rules"
    assert list(stream(FALLBACK)) == ["a", "b"]
    assert [span.attributes[attributes.INFERENCE_STATUS] for span in capture.spans] == ["fallback"] * 2


def test_records_are_counted_per_segment_and_action(capture):
    @inference(model="coding", version="7", quality=PROFILE, segments={"payer": "payer"}, telemetry=capture.telemetry)
    def predict(record):
        return current_inference().quality.action

    for record in (GOOD, GOOD, FLAGGED):
        predict({**record, "payer": "medicaid"})
    assert capture.points(metrics.SEGMENT_RECORDS) == {
        ("coding", "payer", "medicaid", "pass"): 2,
        ("coding", "payer", "medicaid", "flag"): 1,
    }
    assert capture.points(metrics.INPUT_QUALITY) == {("coding", "_OTHER"): (3, 2.75)}
