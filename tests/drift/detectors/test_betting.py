"""The betting e-detector."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import base

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.detectors import (
    BettingDetector,
    GuardedADWIN,
    bet,
    bets_of,
    highest_log_sums,
    log_growth,
    sr_path,
)

UNIT = st.floats(0.0, 1.0)


def naive(growth: np.ndarray) -> np.ndarray:
    """S = (S + 1) * factor, one observation after another."""
    s, path = np.zeros(growth.shape[1]), []
    for factors in np.exp(growth):
        s = (s + 1.0) * factors
        path.append(s)
    return np.array(path)


def test_it_is_a_detector_of_river():
    assert isinstance(BettingDetector(), base.DriftDetector)


@given(st.lists(UNIT, min_size=1, max_size=60))
def test_closed_form_equals_the_recursion(observations):
    x = np.array(observations)
    nulls = np.full((len(x), 3), 0.1)
    bets = np.array([[bet(0.1, mean) for mean in (0.12, 0.3, 0.9)]])
    growth = log_growth(x, nulls, bets)
    path = sr_path(np.full(3, -np.inf), growth)
    assert np.exp(path) == pytest.approx(naive(growth), rel=1e-9)


@given(st.lists(UNIT, min_size=2, max_size=40), st.integers(1, 39))
def test_a_path_may_be_walked_in_parts(observations, cut):
    x, cut = np.array(observations), min(cut, len(observations) - 1)
    growth = log_growth(x, np.full((len(x), 1), 0.2), np.array([[bet(0.2, 0.5)]]))
    start = np.full(1, -np.inf)
    middle = sr_path(start, growth[:cut])[-1]
    assert sr_path(middle, growth[cut:])[-1] == pytest.approx(sr_path(start, growth)[-1], rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-14.0, 14.0), min_size=1, max_size=300), st.floats(-14.0, 5000.0))
def test_a_path_over_any_distance_is_that_of_one_observation_after_another(growth, start):
    """Hundreds of losses or wins in a row: as plain numbers they would be zero or infinite."""
    path, s = sr_path(np.array([start, -np.inf]), np.array([growth, growth]).T), np.array([start, -np.inf])
    for factor, found in zip(growth, path, strict=True):
        s = np.logaddexp(s, 0.0) + factor
        assert found == pytest.approx(s, rel=1e-9, abs=1e-9)


@given(st.lists(st.lists(st.floats(-5000.0, 5000.0) | st.just(-np.inf), min_size=2, max_size=2), min_size=1))
def test_the_highest_sum_is_that_of_all_sums(logarithms):
    every = np.array(logarithms)
    parts = [slice(0, 2), slice(1, 2)]
    expected = [float(np.logaddexp.reduce(every[:, part], axis=1).max()) for part in parts]
    assert highest_log_sums(every, parts) == pytest.approx(expected)


@given(null=UNIT, alternative=UNIT, x=UNIT)
def test_capital_is_never_negative_and_fair_at_the_null(null, alternative, x):
    stake = bet(null, alternative)
    clipped = min(max(null, 1e-6), 1.0 - 1e-6)
    assert 1.0 + stake * (x - clipped) > 0.0
    mean = clipped * (1.0 + stake * (1.0 - clipped)) + (1.0 - clipped) * (1.0 - stake * clipped)
    assert mean == pytest.approx(1.0)


def test_for_zeros_and_ones_the_factor_is_the_likelihood_ratio():
    growth = log_growth(np.array([1.0, 0.0]), np.full((2, 1), 0.1), np.array([[bet(0.1, 0.3)]]))
    assert np.exp(growth[:, 0]) == pytest.approx([0.3 / 0.1, 0.7 / 0.9])


def test_nothing_overflows_and_the_report_is_capped():
    detector = BettingDetector(null=0.01, alternatives=(0.5,))
    for _ in range(5000):
        detector.update(1.0)
    assert math.isfinite(detector.log_evidence)
    assert detector.evidence == pytest.approx(1e9)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, -0.1, 1.1, None, "x", [1]])
def test_what_is_no_number_from_0_to_1_is_counted_and_changes_nothing(broken):
    detector, clean = BettingDetector(threshold=100.0), BettingDetector(threshold=100.0)
    rng = random.Random(1)
    for n in range(200):
        error = rng.random() < 0.4
        detector.update(error)
        clean.update(error)
        if n == 20:
            detector.update(broken)
    assert detector.rejected == 1
    assert detector.log_evidence == clean.log_evidence
    assert detector.drift_detected


def test_alternatives_must_lie_above_the_null():
    with pytest.raises(ValueError, match="must lie above the null"):
        BettingDetector(null=0.2, alternatives=(0.1,))


def test_false_alarms_stay_below_their_bound():
    """P(alarm within n) <= n / threshold, here 0.2."""
    rng = np.random.default_rng(3)
    nulls, bets = np.full((400, 3), 0.1), np.array([[bet(0.1, mean) for mean in (0.15, 0.2, 0.3)]])
    alarms = 0
    for errors in (rng.random((200, 400)) < 0.1).astype(float):
        path = sr_path(np.full(3, -np.inf), log_growth(errors, nulls, bets))
        alarms += bool((np.logaddexp.reduce(path, axis=1) - math.log(3)).max() >= math.log(2000.0))
    assert alarms / 200 <= 0.2


def test_saved_in_mid_stream_it_goes_on_bit_by_bit():
    rng = random.Random(5)
    stream = [rng.random() < 0.2 for _ in range(300)]
    whole = BettingDetector()
    for error in stream:
        whole.update(error)
    first = BettingDetector()
    for error in stream[:137]:
        first.update(error)
    second = BettingDetector.loads(first.dumps())
    for error in stream[137:]:
        second.update(error)
    assert second.dumps() == whole.dumps()


def test_another_detectors_state_is_refused():
    with pytest.raises(CodecError, match="expected betting version 1, found adwin version 1"):
        BettingDetector.loads(GuardedADWIN().dumps())


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1))
def test_stakes_of_many_are_the_stakes_of_each(found):
    null = np.array([one for one, _, _ in found])
    alternatives = np.array([[first, second] for _, first, second in found])
    expected = [[bet(one, first), bet(one, second)] for one, first, second in found]
    assert bets_of(null, alternatives).tolist() == expected
