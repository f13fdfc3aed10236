"""Detectors on frozen bins: false alarms within their budget, a state that goes on, and nothing broken is fed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.detectors import (
    DETECTORS,
    ChiSquareDetector,
    GuardedDetector,
    PSIDetector,
    ShareDetector,
    WassersteinDetector,
    chi_square,
    log_bet,
    psi,
    wasserstein,
    wasserstein_p,
)

KINDS = [WassersteinDetector, PSIDetector, ChiSquareDetector, ShareDetector]
REFERENCE = [500.0, 2500.0, 4000.0, 2500.0, 480.0, 20.0]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_in_the_registry_and_behind_the_guard(kind):
    name = next(name for name, known in DETECTORS.items() if known is kind)
    detector = GuardedDetector(name.value, {"reference": REFERENCE})
    for value in (0, math.nan, math.inf, None, "1", True):
        detector.update(value)
    assert (detector.rejected, detector.failed) == (5, 0)
    assert int(detector.inner._counts.sum()) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("broken", [-1, 6, 0.5, math.nan, None, "x"])
def test_what_is_no_bin_is_counted_and_changes_nothing(kind, broken):
    detector = kind(REFERENCE)
    detector.update(broken)
    assert detector.rejected == 1
    assert int(detector._counts.sum()) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_state_goes_on_to_the_same_bytes(kind):
    rng = np.random.default_rng(1)
    straight, again = kind(REFERENCE), kind(REFERENCE)
    for place, value in enumerate(rng.integers(0, 2, 3000).tolist()):
        straight.update(value)
        again.update(value)
        if place % 700 == 0:
            again = kind.loads(again.dumps())
    assert again.dumps() == straight.dumps()
    assert again.evidence == straight.evidence >= 1.0
    with pytest.raises(CodecError):
        kind.loads(b"x" + straight.dumps()[1:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reference", [[], [1.0], [0.0, 0.0], [1.0, math.nan], [1.0, -1.0]])
def test_a_reference_that_is_none_is_refused(kind, reference):
    with pytest.raises(ValueError, match="reference"):
        kind(reference)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [100, 400])
def test_looks_at_the_reference_itself_keep_to_the_threshold(kind, n):
    """Of 200 runs of 60 looks at most 60 / 2,000 of them, six, may cross a threshold of 2,000."""
    rng = np.random.default_rng(7)
    share = np.array(REFERENCE) / sum(REFERENCE)
    crossed = 0
    for _ in range(200):
        detector = kind(rng.multinomial(5000, share).tolist(), threshold=2000.0)
        for counts in rng.multinomial(n, share, 60):
            detector.look(counts)
            if detector.drift_detected:
                crossed += 1
                break
    assert crossed <= 6


def test_a_bin_that_is_rare_both_times_proves_no_change_of_the_whole():
    seen, frozen = np.array([98.0, 0.0, 0.0, 2.0]), np.array([1200.0, 0.0, 0.0, 0.0])
    assert float(chi_square(seen, frozen, 0.1)[0]) > 0.5
    assert float(psi(seen, frozen, 0.1)[0]) > 0.5


def test_the_index_of_nothing_but_chance_is_nought_on_average():
    rng = np.random.default_rng(3)
    share = np.full(10, 0.1)
    frozen = rng.multinomial(100_000, share).astype(float)
    excess = [float(psi(rng.multinomial(200, share).astype(float), frozen, 0.1)[1]) for _ in range(400)]
    assert abs(np.mean(excess)) < 0.01


def test_the_distance_is_in_ranks_and_its_chance_is_bounded():
    frozen = np.full(10, 100.0)
    moved = np.roll(frozen, 0)
    assert float(wasserstein(moved, frozen)) == 0.0
    last = np.array([0.0] * 9 + [1000.0])
    assert 0.4 < float(wasserstein(last, frozen)) < 0.5
    many, few = (float(wasserstein_p(np.array(0.2), np.array(n), np.array(1e6), 0.05)) for n in (1000.0, 50.0))
    assert many < 1e-12 < few


def test_bets_on_p_values_are_fair_on_average():
    p = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert float(np.exp(log_bet(p)).mean()) <= 1.0
