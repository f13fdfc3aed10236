"""Bins of declared features: which one a value falls into, and what of it may travel."""

from __future__ import annotations

import decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.features import MISSING_PLACE, UNREADABLE_PLACE, Feature, FeatureSet, Kind, WireError

AGE = Feature("age", Kind.NUMERIC, edges=(18.0, 65.0))
PAYER = Feature("payer", Kind.CATEGORICAL, words=("medicaid", "medicare"))
CODE = Feature("code", Kind.FORMAT, words=("A99.9", "99999"))
KNOWN = FeatureSet((PAYER, AGE, CODE))


class Hostile:
    def __float__(self):
        raise ValueError("patient 4711")

    def __str__(self):
        raise AssertionError("nobody may print a value")

    __repr__ = __hash__ = __eq__ = __str__


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (17.9, 0),
        (18, 1),
        (np.float32(64.9), 1),
        (decimal.Decimal(65), 2),
        (None, MISSING_PLACE),
        (float("nan"), MISSING_PLACE),
        ("  ", MISSING_PLACE),
        (float("inf"), UNREADABLE_PLACE),
        (10**400, UNREADABLE_PLACE),
        (True, UNREADABLE_PLACE),
        ("40", UNREADABLE_PLACE),
        ([40], UNREADABLE_PLACE),
        (Hostile(), UNREADABLE_PLACE),
    ],
)
def test_a_number_falls_into_its_bin_and_everything_else_is_told_apart(value, place):
    assert AGE.place(value) == place


@pytest.mark.parametrize(
    ("feature", "value", "place"),
    [
        (PAYER, "medicare", 1),
        (PAYER, "Medicare", 2),
        (PAYER, "", MISSING_PLACE),
        (PAYER, 7.5, UNREADABLE_PLACE),
        (PAYER, float("nan"), MISSING_PLACE),
        (CODE, "K35.2", 0),
        (CODE, "k35.2", 2),
        (CODE, 12345, 1),
        (CODE, "9" * 10_000, 2),
        (CODE, Hostile(), UNREADABLE_PLACE),
    ],
)
def test_a_word_or_shape_falls_into_its_bin(feature, value, place):
    assert feature.place(value) == place


@given(st.dictionaries(st.sampled_from(["age", "payer", "code"]), st.one_of(st.floats(), st.text(), st.none())))
def test_any_record_goes_over_the_wire_as_letters_and_comes_back(record):
    text = KNOWN.write(record.get)
    assert text.replace(".", "").isalpha()
    assert text.isascii()
    assert KNOWN.read(text) == tuple(feature.place(record.get(feature.name)) for feature in KNOWN.features)


def test_the_order_of_declaration_does_not_matter():
    assert FeatureSet((CODE, PAYER, AGE)) == KNOWN
    assert [feature.name for feature in KNOWN.features] == ["age", "code", "payer"]


@pytest.mark.parametrize(
    "other",
    [
        Feature("age", Kind.NUMERIC, edges=(18.0, 66.0)),
        Feature("age", Kind.NUMERIC, edges=(18.0,)),
        Feature("years", Kind.NUMERIC, edges=(18.0, 65.0)),
        Feature("age", Kind.CATEGORICAL, words=("18.0", "65.0")),
    ],
)
def test_what_was_written_with_other_bins_is_refused(other):
    text = FeatureSet((other, PAYER, CODE)).write({}.get)
    with pytest.raises(WireError, match="other features or bins"):
        KNOWN.read(text)


@pytest.mark.parametrize("body", ["ab", "abcd", "a.c", "aéc"])
def test_a_body_that_is_none_is_refused_without_saying_it(body):
    with pytest.raises(WireError) as caught:
        KNOWN.read(f"{KNOWN.digest}.{body}")
    assert body not in str(caught.value)


def test_a_bin_that_the_feature_does_not_have_is_refused():
    with pytest.raises(WireError, match="does not have"):
        KNOWN.read(f"{KNOWN.digest}.dZZ")


def test_bins_have_names_for_people():
    assert [AGE.label(place) for place in (0, 1, 2, 50, 51)] == [
        "below 18",
        "18 to 65",
        "from 65",
        "unreadable",
        "missing",
    ]
    assert [PAYER.label(place) for place in (1, 2)] == ["medicare", "undeclared"]
