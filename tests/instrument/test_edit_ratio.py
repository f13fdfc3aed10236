"""How much of a draft was changed: a number, exact, bounded, and nothing of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical import edit_ratio
from otel_clinical.instrument._edit_ratio import MOST_CHARACTERS, MOST_WORDS

WORDS = st.lists(st.sampled_from(["a", "b", "c", "12", "."]), max_size=14)


def by_the_book(one, other):
    """Return the Levenshtein distance, row by row, as Wagner and Fischer wrote it down."""
    row = list(range(len(other) + 1))
    for number, left in enumerate(one, 1):
        before, row = row, [number]
        for place, right in enumerate(other, 1):
            row.append(min(before[place] + 1, row[-1] + 1, before[place - 1] + (left != right)))
    return row[-1]


@given(draft=WORDS, final=WORDS)
def test_it_is_the_distance_over_the_longer_text(draft, final):
    longest = max(len(draft), len(final))
    expected = by_the_book(draft, final) / longest if longest else 0.0
    assert edit_ratio(" ".join(draft), " ".join(final)) == expected


@given(draft=WORDS, final=WORDS)
def test_it_lies_between_0_and_1_and_does_not_depend_on_the_direction(draft, final):
    one, other = " ".join(draft), " ".join(final)
    assert edit_ratio(one, other) == edit_ratio(other, one)
    assert 0.0 <= edit_ratio(one, other) <= 1.0


@pytest.mark.parametrize(
    ("draft", "final", "ratio"),
    [
        ("", "", 0.0),
        ("unchanged text.", "unchanged text.", 0.0),
        ("the layout  is\nno content", "the layout is no content", 0.0),
        ("", "all new", 1.0),
        ("all gone", "", 1.0),
        ("quite different", "other words", 1.0),
        ("give 5.5 mg", "give 55 mg", 1 / 3),
        ("no known allergies", "known allergies", 1 / 3),
        ("no known allergies", "known no allergies", 2 / 3),
        ("Fieber über Nacht", "Fieber am Abend", 2 / 3),
    ],
)
def test_changes_are_counted_in_words(draft, final, ratio):
    assert edit_ratio(draft, final) == pytest.approx(ratio)


def test_a_long_text_with_a_small_change_is_exact():
    words = [f"word{number}" for number in range(20_000)]
    changed = [*words[:9_000], "inserted", *words[9_001:15_000], *words[15_001:]]
    assert edit_ratio(" ".join(words), " ".join(changed)) == 2 / 20_000


def test_two_long_texts_without_anything_in_common_are_compared():
    one, other = (" ".join(f"{name}{n}" for n in range(MOST_WORDS)) for name in "ab")
    assert edit_ratio(one, other) == 1.0


def test_texts_too_long_to_compare_have_no_ratio():
    assert edit_ratio("a " * (MOST_WORDS + 1), "b " * (MOST_WORDS + 1)) is None
    assert edit_ratio("a" * (MOST_CHARACTERS + 1), "a") is None


@pytest.mark.parametrize("wrong", [b"bytes", None, ["a", "list"], 7])
def test_what_is_no_text_is_refused_without_showing_it(wrong):
    with pytest.raises(TypeError) as error:
        edit_ratio("text", wrong)
    assert str(error.value) == "edit_ratio compares two texts (str); decode bytes and join lists first"
