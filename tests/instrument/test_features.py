"""Declared input features: only the bin of each leaves the process, whatever the record holds."""

from __future__ import annotations

import pytest

from otel_clinical.features import Feature, FeatureSet, Kind
from otel_clinical.instrument import Arguments, inference, record_inference
from otel_clinical.semconv import attributes, metrics
from tests.features.test_features import Hostile

KNOWN = FeatureSet(
    (
        Feature("age", Kind.NUMERIC, edges=(18.0, 65.0)),
        Feature("payer", Kind.CATEGORICAL, words=("medicaid", "medicare")),
        Feature("zip", Kind.FORMAT, words=("99999",)),
    )
)
RECORD = {"age": 70, "payer": "medicare", "zip": "12345", "name": "MARKER-4711"}


def places(span):
    return KNOWN.read(span.attributes[attributes.INPUT_FEATURES])


@pytest.fixture
def declared(capture):
    capture.telemetry.features.declare("coding", KNOWN)
    return capture


def observed(capture, **options):
    return inference(model="coding", version="7", telemetry=capture.telemetry, **options)


def test_fields_of_the_record_are_found_by_their_names(declared):
    observed(declared)(lambda record: record)(RECORD)
    assert places(declared.span) == (2, 1, 0)
    assert "MARKER" not in str(dict(declared.span.attributes))
    assert declared.span.attributes[attributes.INPUT_FEATURES].endswith(".cba")


def test_parameters_are_found_by_their_names_before_fields(declared):
    def predict(record, age):
        return record, age

    observed(declared)(predict)({"age": 70}, 12)
    assert places(declared.span)[0] == 0


@pytest.mark.parametrize("source", ["person.years", lambda arguments: arguments["record"]["person"]["years"]])
def test_another_place_may_be_named(declared, source):
    observed(declared, features={"age": source})(lambda record: record)({"person": {"years": 40}, "payer": "medicaid"})
    assert places(declared.span) == (1, 0, 51)


def test_a_place_that_is_none_is_refused_at_once(declared):
    with pytest.raises(TypeError, match="feature 'age' comes from 'int'"):
        observed(declared, features={"age": 7})


def test_a_model_without_declared_features_sends_none(capture):
    observed(capture)(lambda record: record)(RECORD)
    assert attributes.INPUT_FEATURES not in capture.span.attributes


@pytest.mark.parametrize("broken", [Hostile(), {"age": Hostile()}, 7, None])
def test_no_record_breaks_the_call(declared, broken):
    assert observed(declared)(lambda _: "answer")(broken) == "answer"
    assert set(places(declared.span)) <= {50, 51}


def test_a_reader_that_raises_is_unreadable_and_counted(declared):
    def read(_: Arguments) -> object:
        raise ValueError("MARKER-4711")

    observed(declared, features={"age": read})(lambda record: record)(RECORD)
    assert places(declared.span) == (50, 1, 0)
    assert declared.points(metrics.TELEMETRY_ERRORS) == {("extractor", "ValueError"): 1}


def test_a_block_says_its_features_itself(declared):
    with observed(declared) as current:
        current.set_features(RECORD)
    assert places(declared.span) == (2, 1, 0)


def test_a_block_cannot_read_features_from_a_call(declared):
    with pytest.raises(TypeError, match=r"call current.set_features"), observed(declared, features={"age": "years"}):
        pass


def test_an_inference_recorded_later_carries_its_features(declared):
    record_inference(model="coding", version="7", features=RECORD, telemetry=declared.telemetry)
    assert places(declared.span) == (2, 1, 0)
