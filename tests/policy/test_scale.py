"""The kinds of drop: each turns a level and a drop into each other, the same way as the rules do in PromQL."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.generate._rules_scale import drop_of, limit_of
from otel_clinical.policy import Scale

SCALES = [
    Scale("relative"),
    Scale("points"),
    Scale("skill", chance=0.5),
    Scale("error_ratio"),
    Scale("relative", lower=True),
    Scale("points", lower=True),
    Scale("skill", lower=True, chance=0.2),
    Scale("error_ratio", lower=True),
]
scales = st.sampled_from(SCALES)
levels = st.floats(0.55, 0.999)
drops = st.floats(0.0, 0.3)


def evaluated(expression):
    """Evaluate arithmetic of PromQL whose operands are numbers; `on (…) group_left ()` only says what matches."""
    return eval(re.sub(r"on \(\) group_left \(\)", "", expression))  # noqa: S307  -- our own text, numbers only


@given(scales, levels, drops)
def test_a_level_that_is_some_drop_worse_is_that_drop_worse(scale, before, drop):
    now = 1.0 - scale.error(before, drop)
    assert scale.drop(before, now) == pytest.approx(drop, abs=1e-6)


@given(scales, levels, st.floats(0.01, 0.98), st.floats(0.001, 0.01))
def test_a_worse_level_is_a_larger_drop(scale, before, now, step):
    assert scale.drop(before, now) > scale.drop(before, now + step)


@given(scales, levels, levels)
def test_the_rules_count_drops_as_the_processor_does(scale, before, now):
    assert evaluated(drop_of(scale, str(now), str(before), "on () group_left ()")) == pytest.approx(
        scale.drop(before, now), abs=1e-6
    )


@given(scales, levels, drops)
def test_the_limit_of_the_rules_is_that_of_the_controller(scale, before, drop):
    shown = scale.shown(before)
    limit = scale.limit(shown, drop)
    assert evaluated(limit_of(scale, str(shown), drop)) == pytest.approx(limit, abs=1e-6)
    assert scale.within(shown, limit)
    assert not scale.within(math.nan, limit)


@pytest.mark.parametrize(
    ("scale", "before", "now", "drop"),
    [
        (Scale("relative"), 0.95, 0.8075, 0.15),
        (Scale("points"), 0.60, 0.45, 0.15),
        (Scale("skill", chance=0.5), 0.75, 0.7125, 0.15),  # 0.15 of an AUROC of 0.75 above chance is 0.0375
        (Scale("error_ratio"), 0.98, 49 / 51, 0.5),  # 1 error to 49, then 2 to 49
        (Scale("relative", lower=True), 0.90, 0.885, 0.15),  # a rate of 0.100 that becomes 0.115
        (Scale("points", lower=True), 0.90, 0.75, 0.15),
    ],
)
def test_known_drops(scale, before, now, drop):
    assert scale.drop(before, now) == pytest.approx(drop)
