"""Segments that came before are found in one look, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from otel_clinical.instrument import Telemetry, _segments, current_inference, declare_segments, inference
from otel_clinical.instrument._segments import Segments

SOURCES = {"payer": "payer_code", "site": "where"}
DECLARED = {"payer": ["medicaid", "1"], "site": ["h01"]}


def make_call(telemetry):
    @inference(model="coding", version="7", segments=SOURCES, telemetry=telemetry)
    def predict(record):
        return current_inference().segments

    return predict


class Lying(str):
    """Text that claims to be a declared value."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("medicaid")


VALUES = st.one_of(
    st.sampled_from(["medicaid", "h01", "1", 1, 1.0, True, None, "Jane Roe", Lying("Jane Roe")]), st.text(max_size=3)
)
RECORDS = st.dictionaries(st.sampled_from(["payer_code", "where", "other"]), VALUES)


def admitted(value, allowed):
    text = str.__str__(value) if isinstance(value, str) else str(value) if type(value) is int else None
    return text if text in allowed else "_OTHER"


@given(st.lists(RECORDS, max_size=6))
def test_whatever_came_before_a_record_has_the_segments_that_its_own_values_are(capture_segments, records):
    predict = capture_segments
    for record in records:
        found = predict(record)
        for name, field in SOURCES.items():
            assert found[name] == admitted(record.get(field), DECLARED[name])
            assert type(found[name]) is str


@pytest.fixture(scope="module")
def capture_segments():
    telemetry = Telemetry(tracer_provider=TracerProvider(shutdown_on_exit=False), synchronous=True)
    declare_segments(DECLARED, telemetry=telemetry)
    return make_call(telemetry)


def test_a_value_declared_later_counts_from_then_on(capture):
    telemetry, record = capture.telemetry, {"payer_code": "medicare", "where": "h01"}
    declare_segments(DECLARED, telemetry=telemetry)
    predict = make_call(telemetry)
    assert predict(record) == {"payer": "_OTHER", "site": "h01"}
    declare_segments({"payer": ["medicare"]}, telemetry=telemetry)
    assert predict(record) == predict(record) == {"payer": "medicare", "site": "h01"}


def test_what_one_telemetry_declares_is_not_declared_for_another(make_capture):
    segments, record = Segments((("a", "A", "a", None), ("b", "B", "b", None))), {"a": "x", "b": "y"}
    first, second = make_capture().telemetry.declared, make_capture().telemetry.declared
    for key, value in (("A", "x"), ("B", "y")):
        first.declare(key, [value])
    assert segments.known(record, first) == {"a": "x", "b": "y"}
    assert segments.known(record, second) is None
    assert segments.known(record, first) is segments.known(record, first)


def test_a_segment_set_in_one_call_is_not_that_of_the_next(capture):
    telemetry, record = capture.telemetry, {"payer_code": "medicaid", "where": "h01"}
    declare_segments(DECLARED, telemetry=telemetry)

    @inference(model="coding", version="7", segments=SOURCES, telemetry=telemetry)
    def predict(record, other=None):
        if other:
            current_inference().set_segment("payer", other)
        return dict(current_inference().segments)

    before = predict(record)
    assert predict(record, "1") == {"payer": "1", "site": "h01"}
    assert predict(record) == before == {"payer": "medicaid", "site": "h01"}


def test_few_are_remembered(capture, monkeypatch):
    monkeypatch.setattr(_segments, "_REMEMBERED", 3)
    segments = Segments((("a", "A", "a", None), ("b", "B", "b", None)))
    declared = capture.telemetry.declared
    declared.declare("A", [f"v{index}" for index in range(9)])
    declared.declare("B", ["w"])
    for index in range(9):
        assert segments.known({"a": f"v{index}", "b": "w"}, declared) == {"a": f"v{index}", "b": "w"}
        assert len(segments._known[1]) <= 3


@pytest.mark.parametrize(
    ("mistake", "advice"),
    [
        (lambda: inference(model="coding", version="7", segments=["payer"]), r"segments is a list.*segments=\{"),
        (lambda: inference(model="coding", version="7", features=["age"]), r"features is a list.*features=\{"),
        (lambda: declare_segments([("payer", ["medicaid"])]), r"segment values is a list.*\{\"payer\": \["),
    ],
)
def test_a_list_where_names_belong_is_refused_with_the_line_to_write(mistake, advice):
    with pytest.raises(TypeError, match=advice):
        mistake()
