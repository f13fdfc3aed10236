"""Silence closes no slot: a queue that was kept through it is delivered in full."""

from __future__ import annotations

import pytest

from tests.drift.kernel._world import START, batch, inference, make_kernel

HOUR = 3600.0
KEPT = batch([inference(100 + n, START + n * 60) for n in range(1, 60)])


def test_what_a_collector_kept_for_an_hour_is_not_late():
    kernel = make_kernel()
    kernel.apply(batch([inference(1, START)]))
    for _ in range(10):
        assert kernel.advance() == []
    assert kernel.apply(KEPT).late == 0


@pytest.mark.parametrize("idle", [HOUR / 2, HOUR])
def test_letting_time_pass_by_the_clock_of_arrival_would_lose_it(idle):
    """Why there is no idle timeout: the other half of the test above."""
    kernel = make_kernel()
    kernel.apply(batch([inference(1, START)]))
    kernel.advance(to=START + idle)
    assert kernel.apply(KEPT).late > 0
