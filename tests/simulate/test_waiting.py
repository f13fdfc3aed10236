"""Waiting for conditions."""

from __future__ import annotations

import pytest

from otel_clinical.simulate.stack import DeadlineError, wait_until


def test_the_first_truthy_value_is_returned():
    values = iter([None, 0, "here"])
    assert wait_until(lambda: next(values), within=5, what="a value", every=0) == "here"


def test_a_condition_that_stays_false_names_what_was_awaited():
    with pytest.raises(DeadlineError, match=r"waited 0 s for the sun, in vain"):
        wait_until(lambda: None, within=0, what="the sun")


def test_what_the_condition_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 // 0, within=5, what="nothing")
