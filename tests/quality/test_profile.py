"""Profiles: score, action, critical overrides, and precise errors for what cannot be meant."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.quality import MISSING, QualityProfile, as_number, read_field
from otel_clinical.semconv.enums import InputDomain, InputIssueType, InputQualityAction

ORDER = ("pass", "flag", "fallback", "refuse")
FIELDS = ("a", "b", "c", "d")
values = st.none() | st.integers(-10, 200) | st.floats() | st.text(max_size=3) | st.booleans()
records = st.dictionaries(st.sampled_from([*FIELDS, "other"]), values)
PROFILE = QualityProfile(
    required=("a", "b"),
    ranges={"a": (0, 120), "c": (1.5, 2.5)},
    flag_below=0.9,
    fallback_below=0.7,
    refuse_below=0.4,
    domains={"a": InputDomain.VITALS},
)


def faults(profile, record):
    return {(issue.field, issue.type.value) for issue in profile.assess(record).issues}


def test_a_complete_plausible_record_passes():
    result = PROFILE.assess({"a": 40, "b": "x", "c": 2})
    assert (result.score, result.action, result.issues) == (1.0, InputQualityAction.PASS, ())


def test_a_record_may_be_an_object():
    assert PROFILE.assess(SimpleNamespace(a=40, b="x")).score == 1.0


@pytest.mark.parametrize("empty", [None, "", "  ", math.nan])
def test_empty_values_are_missing(empty):
    assert ("b", "missing") in faults(PROFILE, {"a": 1, "b": empty})


@pytest.mark.parametrize("zero", [0, False, 0.0, [], {}])
def test_zero_false_and_empty_collections_are_present(zero):
    assert ("b", "missing") not in faults(PROFILE, {"a": 1, "b": zero})


@pytest.mark.parametrize(
    ("value", "fault"),
    [(-1, "out_of_range"), (121, "out_of_range"), ("40", "invalid_format"), (True, "invalid_format"),
     (math.inf, "invalid_format"), ([40], "invalid_format")],
)  # fmt: skip
def test_a_value_outside_its_range_or_of_another_kind_is_a_fault(value, fault):
    assert faults(PROFILE, {"a": value, "b": 1}) == {("a", fault)}


@pytest.mark.parametrize("edge", [0, 120, 0.0, 120.0])
def test_both_ends_of_a_range_are_inside(edge):
    assert faults(PROFILE, {"a": edge, "b": 1}) == set()


def test_a_hole_counts_once_and_an_absent_optional_field_not_at_all():
    result = PROFILE.assess({"b": 1})
    assert [issue.field for issue in result.issues] == ["a"]
    assert result.score == 0.5


@pytest.mark.parametrize(
    ("record", "score", "action"),
    [
        ({"a": 40, "b": 1, "c": 9}, 0.75, "flag"),
        ({"a": 400, "b": 1}, 2 / 3, "fallback"),
        ({"a": 400, "c": 9}, 1 / 4, "refuse"),
        ({}, 0.0, "refuse"),
    ],
)
def test_the_score_decides_the_action(record, score, action):
    result = PROFILE.assess(record)
    assert result.score == pytest.approx(score)
    assert result.action == action


def test_a_score_at_the_threshold_is_good_enough():
    profile = QualityProfile(required=("a", "b"), flag_below=None, fallback_below=0.5)
    assert profile.assess({"a": 1}).action is InputQualityAction.PASS


def test_a_critical_field_overrides_a_good_score():
    many = tuple(f"f{index}" for index in range(20))
    profile = QualityProfile(required=("weight", *many), critical=("weight",), critical_action="refuse")
    result = profile.assess(dict.fromkeys(many, 1))
    assert result.score > 0.95
    assert result.action is InputQualityAction.REFUSE


def test_a_critical_failure_never_softens_what_the_score_says():
    profile = QualityProfile(required=("a", "b"), refuse_below=0.6, critical=("a",), critical_action="flag")
    assert profile.assess({}).action is InputQualityAction.REFUSE


def test_nothing_to_check_is_no_pass():
    result = QualityProfile(ranges={"a": (0, 1)}).assess({})
    assert (result.score, result.action) == (None, InputQualityAction.FLAG)


def test_issues_name_field_kind_and_domain_never_the_value():
    (issue,) = PROFILE.assess({"a": 4242, "b": 1}).issues
    assert (issue.field, issue.type, issue.domain) == ("a", InputIssueType.OUT_OF_RANGE, InputDomain.VITALS)
    assert "4242" not in repr(issue)


@given(records)
def test_any_record_gets_a_score_between_0_and_1_and_an_action(record):
    result = PROFILE.assess(record)
    assert result.score is not None
    assert 0 <= result.score <= 1
    assert result.action in ORDER


@given(records, st.sampled_from(["a", "b"]))
def test_losing_a_required_field_never_raises_the_number_of_good_checks(record, lost):
    before = PROFILE.assess(record)
    after = PROFILE.assess({key: value for key, value in record.items() if key != lost})
    assert ORDER.index(after.action) >= ORDER.index(before.action) or len(after.issues) <= len(before.issues)
    assert ("missing", lost) in {(issue.type.value, issue.field) for issue in after.issues}


@given(records)
def test_the_order_of_fields_does_not_matter(record):
    assert PROFILE.assess(record) == PROFILE.assess(dict(reversed(record.items())))


@given(records)
def test_fields_nobody_asked_for_do_not_matter(record):
    assert PROFILE.assess(record) == PROFILE.assess({**record, "unasked": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no required field and no range"),
        ({"required": "age"}, "required is the string 'age', expected a tuple"),
        ({"required": ("a", "a")}, "required names 'a' twice"),
        ({"required": ("a", "")}, "required holds ''"),
        ({"required": (3,)}, "required holds 3"),
        ({"ranges": {"a": (1, 1)}}, r"range of 'a' is \(1, 1\), expected \(lowest, highest\)"),
        ({"ranges": {"a": (5, 1)}}, "range of 'a'"),
        ({"ranges": {"a": (0, math.inf)}}, "range of 'a'"),
        ({"ranges": {"a": (math.nan, 1)}}, "range of 'a'"),
        ({"required": ("a",), "flag_below": 1.5}, "flag_below is 1.5, expected a score between 0 and 1"),
        ({"required": ("a",), "refuse_below": -0.1}, "refuse_below is -0.1"),
        ({"required": ("a",), "flag_below": math.nan}, "flag_below is nan"),
        ({"required": ("a",), "flag_below": 0.5, "refuse_below": 0.6}, r"refuse_below is 0.6, expected no more than"),
        ({"required": ("a",), "critical": ("b",)}, "'b' is neither required nor in ranges"),
        ({"required": ("a",), "domains": {"b": InputDomain.LABS}}, "'b' is neither required nor in ranges"),
        ({"required": ("a",), "critical_action": "explode"}, "explode"),
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        QualityProfile(**options)


def test_a_profile_cannot_be_changed_through_what_it_was_made_of():
    ranges = {"a": (0, 1)}
    profile = QualityProfile(ranges=ranges)
    ranges["a"] = (0, 100)
    assert profile.assess({"a": 50}).issues


class Row:
    """A table row: fields by item, not by attribute."""

    def __getitem__(self, name):
        return {"age": 40}[name]


@pytest.mark.parametrize("record", [{"age": 40}, Row(), SimpleNamespace(age=40)])
def test_fields_are_read_by_key_or_attribute(record):
    assert read_field(record, "age") == 40
    assert read_field(record, "weight") is MISSING


@pytest.mark.parametrize("record", [None, 7, "age", b"age", ["age"], MISSING])
def test_what_is_no_record_has_no_fields(record):
    assert read_field(record, "age") is MISSING


@given(values | st.binary() | st.complex_numbers() | st.integers())
def test_only_numbers_are_numbers(value):
    number = as_number(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert number == pytest.approx(float(value), nan_ok=True)
    else:
        assert number is None


WIDE = (
    st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from([None, True, " ", 10**400, 2**53 + 1, [], math.nan])
)
BOUNDS = st.one_of(
    st.just((0, 120)), st.just((0.5, 1.5)), st.just((-1, 2**53 + 1)), st.just((0.0, 1e300))
)  # fmt: skip


@given(
    record=st.dictionaries(st.sampled_from([*FIELDS, "other"]), WIDE),
    required=st.lists(st.sampled_from(FIELDS), unique=True, min_size=1),
    ranges=st.dictionaries(st.sampled_from(FIELDS), BOUNDS),
)
def test_a_record_judged_at_a_glance_is_judged_as_field_by_field(record, required, ranges):
    profile = QualityProfile(required=tuple(required), ranges=ranges)
    assert profile.assess(record) == profile.assess_fields(lambda name: read_field(record, name))


def test_a_sound_record_is_judged_at_a_glance():
    record = {"a": 40, "b": "x", "c": 2}
    assert PROFILE.assess(record) is PROFILE.assess({**record, "b": 7})
    assert PROFILE.assess(record) is not PROFILE.assess_fields(record.get)


def test_optional_fields_alone_that_are_all_absent_are_no_pass():
    assert QualityProfile(ranges={"a": (0, 1)}).assess({}).action is InputQualityAction.FLAG
