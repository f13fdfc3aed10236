"""Late truth."""

from __future__ import annotations

import random

import pytest

from otel_clinical.simulate._labels import LateTruth

MATURITY = 2.0


@pytest.fixture
def late():
    return LateTruth(random.Random(3), MATURITY, labelled=1.0)


def test_nothing_is_known_at_once_and_everything_at_maturity(late):
    for number in range(200):
        late.audit(str(number), 100.0, right=number % 3 > 0)
    assert list(late.known(100.0)) == []
    assert len(list(late.known(100.0 + MATURITY))) == 200


def test_wrong_codes_are_known_before_right_ones(late):
    """So that a count of the labels as they come shows a model that is worse than it is."""
    for number in range(200):
        late.audit(str(number), 0.0, right=number % 2 == 0)
    early = list(late.known(MATURITY * 0.37))
    assert len(early) == 100
    assert not any(due.right for due in early)


def test_what_is_known_comes_in_order_of_time(late):
    for number in range(50):
        late.audit(str(number), number * 0.01, right=True)
        late.review(str(number), number * 0.01, right=True)
    times = [due.at for due in late.known(10.0)]
    assert times == sorted(times)
    assert len(times) == 100


def test_what_was_reported_is_not_reported_again(late):
    late.audit("receipt", 0.0, right=True)
    assert [due.receipt for due in late.known(10.0)] == ["receipt"]
    assert list(late.known(10.0)) == []
    assert late.next_at == float("inf")


def test_some_inferences_are_never_labelled():
    late = LateTruth(random.Random(5), MATURITY, labelled=0.8)
    for number in range(2_000):
        late.audit(str(number), 0.0, right=True)
    assert len(list(late.known(MATURITY))) / 2_000 == pytest.approx(0.8, abs=0.04)


def test_a_second_look_comes_after_the_first(late):
    late.review("receipt", 0.0, right=True)
    (first,) = late.known(MATURITY)
    late.look_again(first)
    (second,) = late.known(10.0)
    assert second.review
    assert second.again
    assert first.at < second.at < MATURITY
