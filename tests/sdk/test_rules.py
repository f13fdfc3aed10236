"""Single values: what the allow-list admits."""

from __future__ import annotations

import math
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.instrument._names import NAME_KEYS
from otel_clinical.sdk._foreign import FOREIGN
from otel_clinical.sdk._rules import SHAPES, admit
from otel_clinical.semconv import AGGREGATE, OTHER, allowlist, attributes, enums

RULES = allowlist.ATTRIBUTES


class Declared:
    def __init__(self, **values):
        self.values = {getattr(attributes, f"SEGMENT_{name.upper()}"): allowed for name, allowed in values.items()}
        self.lacking = []

    def allowed(self, key):
        return self.values.get(key, ())

    def missed(self, key):
        self.lacking.append(key)


ADMITTED = [
    (attributes.MODEL_NAME, "coding", "coding"),
    (attributes.MODEL_NAME, "coding@north", "coding@north"),
    (attributes.MODEL_VERSION, "2026.04.1+b", "2026.04.1+b"),
    (attributes.ERROR_TYPE, "pkg.Outer.Inner", "pkg.Outer.Inner"),
    (attributes.OUTCOME_RESULT, enums.OutcomeResult.CORRECT, "correct"),
    (attributes.CONFIDENCE_SCORE, 0.5, 0.5),
    (attributes.CONFIDENCE_SCORE, 1, 1.0),
    (attributes.DEPLOYMENT_ACTIVATION, 3, 3),
    (attributes.REVIEW_DURATION, 41.5, 41.5),
    (attributes.SEGMENT_NAME, AGGREGATE, AGGREGATE),
]

WITHHELD = [
    ("patient.name", "Jane", "not_allowed"),
    ("exception.message", "boom", "not_allowed"),
    (attributes.MODEL_NAME, "Jane Roe, 52", "pattern"),
    (attributes.ERROR_TYPE, "jane@example.org", "pattern"),
    (attributes.MODEL_NAME, "x" * 65, "too_long"),
    (attributes.MODEL_NAME, 7, "bad_type"),
    (attributes.MODEL_NAME, b"coding", "bad_type"),
    (attributes.MODEL_NAME, ["coding"], "bad_type"),
    (attributes.MODEL_NAME, "", "pattern"),
    (attributes.OUTCOME_RESULT, "Jane", "not_declared"),
    (attributes.CONFIDENCE_SCORE, math.nan, "non_finite"),
    (attributes.CONFIDENCE_SCORE, -math.inf, "non_finite"),
    (attributes.CONFIDENCE_SCORE, "0.5", "bad_type"),
    (attributes.CONFIDENCE_SCORE, True, "bad_type"),
    (attributes.DEPLOYMENT_ACTIVATION, 3.5, "bad_type"),
    (attributes.DEPLOYMENT_ACTIVATION, 2**70, "not_allowed"),
    (attributes.DEPLOYMENT_ACTIVATION, -1, "not_allowed"),
    (attributes.CONFIDENCE_SCORE, 12345678.0, "not_allowed"),
    (attributes.INFERENCE_TIME, 1e12, "not_allowed"),
    (attributes.INFERENCE_TIME, 12345678.0, "not_allowed"),
    (attributes.INFERENCE_TIME, 123456789, "not_allowed"),
    (attributes.DEPLOYMENT_ACTIVATION, 12345678, "not_allowed"),
    (attributes.ROUTER_EPOCH, 1234567, "not_allowed"),
    (attributes.REVIEW_DURATION, 12345678.0, "not_allowed"),
    (attributes.EVENT_ID, "00123456", "pattern"),
    (attributes.INFERENCE_ID, "jane-roe", "pattern"),
    (attributes.REVIEWER_HASH, "roe", "pattern"),
    (attributes.ENCOUNTER_KEY, "1234567890123456", "pattern"),
    (attributes.BUSINESS_CURRENCY, "Roe", "pattern"),
    (attributes.ERROR_TYPE, "MRN-00123456", "pattern"),
]


@pytest.mark.parametrize(("key", "value", "expected"), ADMITTED)
def test_registered_values_are_admitted(ledger, key, value, expected):
    kept = admit({key: value}, RULES, ledger)
    assert kept == {key: expected}
    assert type(kept[key]) is type(expected)
    assert not ledger.reasons


@pytest.mark.parametrize(("key", "value", "reason"), WITHHELD)
def test_everything_else_is_withheld_and_counted(ledger, key, value, reason):
    assert admit({key: value}, RULES, ledger) == {}
    assert ledger.reasons == {reason: 1}


def test_an_unknown_value_of_an_open_enumeration_becomes_other(ledger):
    assert admit({attributes.USE_CASE: "Jane"}, RULES, ledger) == {attributes.USE_CASE: OTHER}
    assert ledger.reasons == {"not_declared": 1}


def test_undeclared_segment_values_become_other(ledger):
    declared = Declared(payer=("Blue Cross", "medicaid"))
    found = {attributes.SEGMENT_PAYER: "Jane", attributes.SEGMENT_SITE: "h01"}
    assert admit(found, RULES, ledger, declared) == dict.fromkeys(found, OTHER)


def test_declared_segment_values_may_look_unusual(ledger):
    declared = Declared(payer=("Blue Cross", "medicaid"))
    found = {attributes.SEGMENT_PAYER: "Blue Cross", attributes.SEGMENT_VALUE: "Blue Cross"}
    assert admit(found, RULES, ledger, declared) == found
    assert admit({attributes.SEGMENT_VALUE: "Jane"}, RULES, ledger, declared) == {attributes.SEGMENT_VALUE: OTHER}
    assert admit({attributes.SEGMENT_VALUE: AGGREGATE}, RULES, None, declared) == {attributes.SEGMENT_VALUE: AGGREGATE}


def test_declared_values_of_other_attributes_may_look_unusual(ledger):
    declared = Declared()
    declared.values[attributes.TASK_NAME] = ("chart coding",)
    found = {attributes.TASK_NAME: "chart coding"}
    assert admit(found, RULES, ledger, declared) == found
    assert admit({attributes.TASK_NAME: "Jane Roe"}, RULES, ledger, declared) == {attributes.TASK_NAME: OTHER}


@pytest.mark.parametrize("key", [attributes.MODEL_NAME, attributes.MODEL_VERSION, attributes.TASK_NAME])
def test_a_name_that_nobody_declared_becomes_other_however_it_looks(ledger, key):
    declared = Declared()
    assert admit({key: "00123456"}, RULES, ledger, declared) == {key: OTHER}
    assert (ledger.reasons, declared.lacking) == ({"not_declared": 1}, [key])
    declared.values[key] = ("00123456",)
    assert admit({key: "00123456"}, RULES, ledger, declared) == {key: "00123456"}
    assert admit({key: OTHER}, RULES, ledger, Declared()) == {key: OTHER}


@pytest.mark.parametrize("key", sorted(key for key, rule in RULES.items() if rule.type == "string"))
def test_no_text_passes_that_is_neither_declared_nor_of_a_closed_set_nor_of_a_shape(ledger, key):
    for word in ("00123456", "MRN00123456", "Smith", "smith-jane"):
        assert admit({key: word}, RULES, ledger, Declared()).get(key, OTHER) == OTHER


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("ValueError", "ValueError"),
        ("json.decoder.JSONDecodeError", "json.decoder.JSONDecodeError"),
        ("NoInference", "NoInference"),
        ("MRN00123456", OTHER),
        ("json.decoder.Smith", OTHER),
        ("json.JSONDecoder", OTHER),  # a class, and no exception
        ("os.path", OTHER),
    ],
)
def test_an_error_type_is_an_exception_that_this_program_has(ledger, given, sent):
    assert admit({attributes.ERROR_TYPE: given}, RULES, ledger, Declared()) == {attributes.ERROR_TYPE: sent}


def test_no_code_of_a_value_runs():
    class Hostile(StrEnum):
        MEMBER = "coding"

        def __str__(self):
            raise AssertionError

        def __len__(self):
            raise AssertionError

        def __eq__(self, other):
            raise AssertionError

        __hash__ = None

    kept = admit({attributes.MODEL_NAME: Hostile.MEMBER}, RULES)
    assert type(kept[attributes.MODEL_NAME]) is str


def test_foreign_attributes_are_closed_sets_and_small_numbers():
    found = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": "https://ehr/patients/123",
        "http.route": "/patients/123",
        "db.query.text": "SELECT * FROM patients WHERE mrn = 123",
        "server.address": "ehr.example.org",
        "gen_ai.input.messages": "Jane",
    }
    assert admit(found, FOREIGN) == {"http.request.method": "GET", "http.response.status_code": 200}
    assert admit({"http.request.method": "JANE"}, FOREIGN) == {"http.request.method": OTHER}
    assert admit({"error.type": "JaneRoe"}, FOREIGN) == {"error.type": OTHER}
    assert admit({"error.type": "ConnectionError"}, FOREIGN) == {"error.type": "ConnectionError"}
    assert admit({"http.response.status_code": 1234567}, FOREIGN) == {}
    assert admit({"gen_ai.usage.input_tokens": 12345678}, FOREIGN) == {}
    assert admit({"gen_ai.usage.input_tokens": 200_000}, FOREIGN) == {"gen_ai.usage.input_tokens": 200_000}


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from([*RULES, "patient.name", "x"]), values))
def test_whatever_comes_in_only_registered_values_come_out(found):
    for key, value in admit(found, RULES).items():
        rule = RULES[key]
        assert type(value).__name__ in {"str", "int", "float", "bool"}
        if rule.enum is not None:
            assert value in rule.enum
        elif isinstance(value, str):
            assert 0 < len(value) <= rule.max_length
            assert " " not in value
        elif isinstance(value, float):
            assert math.isfinite(value)


@given(st.dictionaries(st.sampled_from(sorted(RULES)), st.text() | st.from_regex(r"[A-Za-z0-9_.:+/@-]{1,64}")))
def test_whatever_text_comes_in_none_comes_out_that_nobody_declared(found):
    """Where there is somebody to declare: of closed sets, of a shape that no name has, or `_OTHER`."""
    for key, value in admit(found, RULES, None, Declared()).items():
        closed, shape = RULES[key].enum or (), SHAPES.get(key)
        named = key in NAME_KEYS or shape is None
        assert value == OTHER or value in closed or (not named and shape.fullmatch(value))
