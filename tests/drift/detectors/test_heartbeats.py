"""Volume and time between events: quiet within their budget, quick beyond it, and a state that goes on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.detectors import DETECTORS, GuardedDetector, RareEventDetector, VolumeDetector

KINDS = [VolumeDetector, RareEventDetector]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_in_the_registry_and_behind_the_guard(kind):
    name = next(name for name, known in DETECTORS.items() if known is kind)
    detector = GuardedDetector(name.value)
    for value in (3, math.nan, None, "3", -math.inf):
        detector.update(value)
    assert (detector.rejected, detector.failed) == (4, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("broken", [-1, math.nan, math.inf, None, "x"])
def test_what_is_no_count_or_time_changes_nothing(kind, broken):
    detector, same = kind(), kind()
    detector.update(broken)
    assert detector.rejected == 1
    detector.rejected = 0
    assert detector.dumps() == same.dumps()


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_state_goes_on_to_the_same_bytes(kind):
    rng = np.random.default_rng(1)
    straight, again = kind(), kind()
    for place, value in enumerate(rng.poisson(5, 900).tolist()):
        straight.update(value)
        again.update(value)
        if place % 100 == 0:
            again = kind.loads(again.dumps())
    assert again.dumps() == straight.dumps()
    with pytest.raises(CodecError):
        kind.loads(b"x" + straight.dumps()[1:])


def week(rng, rate=20.0):
    hours = np.arange(168)
    daily = np.where((hours % 24 > 6) & (hours % 24 < 20) & (hours < 120), rate, rate / 8)
    return rng.poisson(daily).tolist()


def test_nights_and_weekends_are_no_silence():
    """Ten hospitals for twelve weeks: about 17,000 hours, where one false alarm in 100,000 is allowed."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        detector = VolumeDetector(threshold=1e5)
        for _ in range(12):
            for count in week(rng):
                detector.update(count)
                assert not detector.drift_detected


@pytest.mark.parametrize(("times", "side"), [(0.0, 0), (0.2, 0), (4.0, 1)])
def test_silence_and_surge_are_proved_within_a_working_day(times, side):
    rng = np.random.default_rng(3)
    detector = VolumeDetector(threshold=1e5)
    for _ in range(4):
        for count in week(rng):
            detector.update(count)
    for hour, count in enumerate(week(rng)):
        detector.update(round(count * times))
        if detector.drift_detected:
            assert hour < 20
            assert detector.evidence[side] >= 1.0 > detector.evidence[1 - side]
            return
    pytest.fail("not proved within a week")


def test_the_first_two_weeks_are_not_tested():
    detector = VolumeDetector()
    for count in week(np.random.default_rng(1)) + [0] * 168:
        detector.update(count)
    assert max(detector.evidence) == 0.0


@pytest.mark.parametrize("gap", [30.0, 45.0])
def test_events_at_the_tolerated_gap_keep_to_the_budget(gap):
    """Of 300 runs of a tenth of the budget at most thirty may raise an alarm."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        detector, days = RareEventDetector(gap=30.0, budget=3650.0), 0.0
        while days < 365.0:
            wait = float(rng.exponential(gap))
            days += wait
            detector.update(wait)
            if detector.drift_detected:
                alarms += 1
                break
    assert alarms <= 30


def test_events_that_come_five_times_as_fast_are_proved_within_a_few():
    rng = np.random.default_rng(6)
    needed = []
    for _ in range(100):
        detector = RareEventDetector(gap=30.0, budget=3650.0)
        for number in range(200):
            detector.update(float(rng.exponential(30.0 if number < 50 else 6.0)))
            if detector.drift_detected:
                needed.append(number - 50)
                break
    assert 0 < np.median(needed) < 12


def test_evidence_falls_while_nothing_happens():
    detector = RareEventDetector(gap=30.0, budget=3650.0)
    for _ in range(12):
        detector.update(1.0)
    assert detector.after(0.0) >= 1.0
    assert detector.after(365.0) < 1.0
