"""Whatever happens to the system's clock, timers run as long as they should, and nothing is decided by it."""

from __future__ import annotations

import time

import pytest

from otel_clinical.release import read_pointer
from otel_clinical.rollback.clock import SteadyClock
from tests.rollback._running import HOUR, Clocks, Running


def test_a_step_of_the_systems_clock_moves_nothing_and_is_known() -> None:
    clocks = Clocks()
    steady = SteadyClock(clocks.wall, clocks.monotonic)
    for ahead in (HOUR, -HOUR, 24 * HOUR, -24 * HOUR):
        clocks.ahead = ahead
        assert steady() == pytest.approx(time.time(), abs=2)
        assert steady.step() == pytest.approx(ahead, abs=2)
    clocks.ahead = 0.0
    assert steady.step() == 0.0


def test_what_keeping_a_clock_right_looks_like_is_followed() -> None:
    clocks = Clocks()
    steady = SteadyClock(clocks.wall, clocks.monotonic)
    clocks.ahead = 3.0
    assert steady.step() == 0.0
    assert steady() == pytest.approx(time.time() + 3, abs=1)


@pytest.mark.parametrize(("prometheus", "followed"), [(0.0, 0.0), (HOUR, HOUR), (2 * HOUR, 0.0)])
def test_two_clocks_against_one_decide(prometheus: float, followed: float) -> None:
    clocks = Clocks()
    steady = SteadyClock(clocks.wall, clocks.monotonic)
    clocks.ahead = HOUR
    assert steady.agree(time.time() + prometheus, 60.0) == pytest.approx(followed, abs=2)


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, 24 * HOUR])
def test_the_time_for_a_veto_is_neither_ended_nor_stretched_by_a_step(running: Running, ahead: float) -> None:
    running.until("announced")
    running.clocks.ahead = ahead
    for _ in range(3):
        running.service.worker.turn()
    assert running.service.store.incidents()[0]["state"] == "announced"
    assert running.actions().count("clock.stepped") == 1
    running.clocks.passed = 301.0
    running.until("converging")
    assert read_pointer(running.terms.pointer).version == "7"
    running.clocks.ahead = 0.0
    running.service.worker.turn()
    assert running.actions().count("clock.right") == 1
