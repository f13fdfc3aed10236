"""The mix of the cases at the ends of its band: rare values, and values that are nearly all."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift.kernel._mix import Mix
from otel_clinical.policy import Baseline, Cell

REST = "private"


def mix_of(share: float) -> Mix:
    n = 100_000
    of = {"medicaid": round(n * share), REST: n - round(n * share)}
    cells = {("payer", value, "all"): Cell(count, 0.9 * count) for value, count in of.items()}
    return Mix(Baseline("coding", None, "accuracy", cells | {("all", "all", "all"): Cell(n, 0.9 * n)}), "payer", [*of])


def fed(mix: Mix, share: float, slots: int, size: int = 1000) -> list[int]:
    draw = np.random.default_rng(7)
    for slot in range(slots):
        count = int(draw.binomial(size, share))
        mix.feed(np.array([count, size - count]), size, slot)
    return mix.detections


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.005, 0.02, 0.98, 0.9999])
def test_a_share_near_the_ends_that_stays_or_vanishes_within_its_band_is_no_news(share: float) -> None:
    assert fed(mix_of(share), share, 1500) == [0, 0]
    gone = 0.0 if share < 0.5 else 1.0
    assert fed(mix_of(share), gone, 1500) == [0, 0]


@pytest.mark.parametrize(("before", "after"), [(0.0005, 0.1), (0.2, 0.0), (0.98, 0.8), (0.5, 0.9)])
def test_a_share_that_leaves_its_band_is_found(before: float, after: float) -> None:
    assert max(fed(mix_of(before), after, 50)) == 1


def test_a_state_goes_on_and_forgets_bets_that_are_none() -> None:
    one, again = mix_of(0.0005), mix_of(0.0005)
    fed(one, 0.0005, 20)
    data = one.dumps()
    one.log_s[:] = 9.0  # as a state may hold that was written when such bets were made
    assert again.loads(one.dumps())
    assert np.isneginf(again.log_s).any()
    assert again.loads(data)
    assert again.dumps() == data
