"""What a decorated function reports, and what it must never touch."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_clinical.instrument import (
    QualityProfile,
    current_inference,
    declare_segments,
    inference,
    record_inference,
)
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import (
    ConfidenceMethod,
)
from tests.instrument._coding import Hostile, decorate


def test_confidence_comes_from_a_key_an_attribute_or_a_function_of_the_result(capture):
    for source, result in (
        ("probability", {"probability": 0.9}),
        ("probability", SimpleNamespace(probability=0.9)),
        (lambda result: result[0], [0.9]),
    ):
        decorate(capture, confidence=source)(lambda result=result: result)()
    assert [span.attributes[attributes.CONFIDENCE_SCORE] for span in capture.spans] == [0.9] * 3


def test_confidence_set_inside_wins_over_the_extractor(capture):
    @decorate(capture, confidence="p", confidence_method=ConfidenceMethod.PROBABILITY)
    def predict():
        current_inference().set_confidence(0.25, ConfidenceMethod.ENSEMBLE)
        return {"p": 0.9}

    predict()
    assert capture.span.attributes[attributes.CONFIDENCE_SCORE] == 0.25
    assert capture.span.attributes[attributes.CONFIDENCE_METHOD] == "ensemble"


def test_a_result_that_supports_confidence_needs_no_extractor(capture):
    class Answer:
        clinical_confidence = 0.75

    decorate(capture)(lambda: Answer())()  # noqa: PLW0108 -- a class itself cannot be decorated
    assert capture.span.attributes[attributes.CONFIDENCE_SCORE] == 0.75


def test_an_extractor_that_raises_is_counted_and_the_result_is_returned(capture):
    @decorate(capture, confidence=lambda _: 1 // 0, segments={"payer": lambda _: {}["x"]})
    def predict():
        return "answer"

    assert predict() == "answer"
    assert capture.errors() == {("extractor", "ZeroDivisionError"): 1, ("extractor", "KeyError"): 1}
    assert attributes.CONFIDENCE_SCORE not in capture.span.attributes


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "non_finite"),
        (float("inf"), "non_finite"),
        (float("-inf"), "non_finite"),
        (-0.5, "not_allowed"),
        (1.5, "not_allowed"),
        (10**400, "bad_type"),
        ("0.9", "bad_type"),
        (b"0.9", "bad_type"),
        (True, "bad_type"),
        ([0.9], "bad_type"),
        (Hostile(), "bad_type"),
        (1j, "bad_type"),
    ],
)
def test_a_bad_number_is_counted_and_never_exported(capture, value, reason):
    @decorate(capture)
    def predict():
        current_inference().set_confidence(value)

    predict()
    assert attributes.CONFIDENCE_SCORE not in capture.span.attributes
    assert capture.redactions() == {reason: 1}
    assert capture.points(metrics.CONFIDENCE) == {}


@pytest.mark.parametrize("value", [1, Decimal("0.5"), 1.0000001, 0.0])
def test_every_kind_of_number_becomes_a_float_between_0_and_1(capture, value):
    record_inference(model="coding", version="7", confidence=value, telemetry=capture.telemetry)
    exported = capture.span.attributes[attributes.CONFIDENCE_SCORE]
    assert type(exported) is float
    assert exported == pytest.approx(float(value), abs=1e-6)
    assert 0 <= exported <= 1


def test_numpy_numbers_are_numbers(capture):
    numpy = pytest.importorskip("numpy")
    for value in (numpy.float32(0.5), numpy.float64(0.5), numpy.array(0.5), numpy.float16(0.5)):
        record_inference(model="coding", version="7", confidence=value, telemetry=capture.telemetry)
    record_inference(model="coding", version="7", confidence=numpy.array([0.5, 0.5]), telemetry=capture.telemetry)
    found = [span.attributes.get(attributes.CONFIDENCE_SCORE) for span in capture.spans]
    assert found == [0.5] * 4 + [None]
    assert capture.redactions() == {"bad_type": 1}


def test_arguments_and_results_are_never_printed_compared_measured_or_iterated(capture):
    @decorate(capture, segments={"payer": "payer_code"}, quality=QualityProfile(required=("age",)))
    def predict(first, *, second):
        return first

    hostile = Hostile()
    assert predict(hostile, second=Hostile()) is hostile
    assert len(capture.spans) == 1


def test_hostile_values_in_fields_are_never_evaluated_either(capture):
    @decorate(
        capture,
        segments={"payer": "payer", "site": "site"},
        quality=QualityProfile(required=("age",), ranges={"weight": (0, 400)}),
        confidence="confidence",
    )
    def predict(record):
        return {"confidence": Hostile()}

    predict({"payer": Hostile(), "site": Hostile(), "age": Hostile(), "weight": Hostile()})
    assert capture.span.attributes[attributes.SEGMENT_PAYER] == "_OTHER"
    assert capture.redactions() == {"bad_type": 1, "not_declared": 2}


def test_a_property_that_raises_does_not_stop_the_inference(capture):
    class Record:
        @property
        def age(self):
            raise RuntimeError("MRN 00123")

    @decorate(capture, quality=QualityProfile(required=("age",), flag_below=0.9), segments={"payer": "record.age"})
    def predict(record):
        return 1

    assert predict(Record()) == 1
    assert capture.span.attributes[attributes.INPUT_QUALITY_ACTION] == "flag"
    assert capture.errors() == {("extractor", "RuntimeError"): 2}


def test_segment_values_are_found_by_parameter_field_path_or_function(capture):
    @decorate(
        capture,
        segments={"payer": "plan.payer", "site": lambda arguments: arguments["where"].upper()[:3].lower()},
    )
    def predict(plan, where="h02"):
        return plan

    predict({"payer": "medicaid"})
    predict(SimpleNamespace(payer="commercial"), where="h01")
    found = [(s.attributes[attributes.SEGMENT_PAYER], s.attributes[attributes.SEGMENT_SITE]) for s in capture.spans]
    assert found == [("medicaid", "h02"), ("commercial", "h01")]


@given(value=st.none() | st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.text(), max_size=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_only_declared_values_leave_whatever_is_given(capture, value):
    capture.span_exporter.clear()
    record_inference(model="coding", version="7", segments={"payer": value}, telemetry=capture.telemetry)
    found = capture.span.attributes[attributes.SEGMENT_PAYER]
    assert found == (value if value in ("medicaid", "commercial") else "_OTHER")


def test_without_a_declaration_every_value_is_other(make_capture):
    bare = make_capture()
    record_inference(model="coding", version="7", segments={"payer": "medicaid"}, telemetry=bare.telemetry)
    assert bare.span.attributes[attributes.SEGMENT_PAYER] == "_OTHER"
    assert bare.redactions() == {"not_declared": 1}


def test_segments_are_counted_in_their_own_family(capture):
    for payer in ("medicaid", "medicaid", "commercial"):
        segments = {"payer": payer, "site": "h01"}
        record_inference(model="coding", version="7", segments=segments, telemetry=capture.telemetry)
    assert capture.points(metrics.SEGMENT_INFERENCES) == {
        ("coding", "7", "payer", "medicaid", "standard"): 2,
        ("coding", "7", "payer", "commercial", "standard"): 1,
        ("coding", "7", "site", "h01", "standard"): 3,
    }
    assert sum(capture.points(metrics.INFERENCES).values()) == 3


@pytest.mark.parametrize(
    ("record", "result", "said"),
    [
        ({"payer": "medicaid"}, {"p": 0.9}, []),
        ({"payer": "medicaid"}, {"p": None}, []),
        ({"payr": "medicaid"}, {"p": 0.9}, ["nothing where the value of segment payer should be"]),
        ({"payer": "Jane Roe"}, {"p": 0.9}, ["a value of segment payer is not a declared one"]),
        ({"payer": "medicaid"}, {"q": 0.9}, ["nothing where its confidence should be"]),
        ({"payer": "medicaid"}, {"p": 93}, ["no number from 0 to 1, so none was recorded; divide percent by 100"]),
        ({"payer": "medicaid"}, {"p": float("nan")}, ["no number from 0 to 1"]),
    ],
)
def test_what_a_misspelt_name_or_a_wrong_value_costs_is_said_once_without_the_value(
    capture, caplog, record, result, said
):
    declare_segments({"payer": ["medicaid"]}, telemetry=capture.telemetry)

    @inference(model="coding", version="7", segments={"payer": "payer"}, confidence="p", telemetry=capture.telemetry)
    def predict(record):
        return result

    for _ in range(3):
        assert predict(record) is result
    found = [entry.getMessage() for entry in caplog.records]
    assert len(found) == len(said)
    assert all(words in line for words, line in zip(said, found, strict=True))
    assert not any(value in line for line in found for value in ("Jane Roe", "93"))
