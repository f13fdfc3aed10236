"""Whatever happens to the system's clock, timers run as long as they should, and nothing is decided by it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from otel_clinical.policy import load_policy
from otel_clinical.release import read_pointer
from otel_clinical.rollback import ControllerService, activate_version, read_terms
from otel_clinical.rollback.alerts import parse_notification
from otel_clinical.rollback.clock import SteadyClock
from tests.rollback._controller import TOKEN, alert, fill_ledger, notification, write_policy
from tests.rollback._prometheus import degraded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus

HOUR = 3600.0


@dataclass
class Clocks:
    """A system's clock that can be put forward or back, and the time that really passes."""

    ahead: float = 0.0
    passed: float = 0.0

    def wall(self) -> float:
        return time.time() + self.passed + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.passed


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


class Running:
    """A controller whose turns the test takes, with an announced rollback."""

    def __init__(self, folder: Path, prometheus: FakePrometheus) -> None:
        rest = "      maximum_alert_age: 15m\n"
        policy = load_policy(write_policy(folder, **{rest: rest + "      safety_class: B\n      veto: 300s\n"}))
        self.terms = read_terms(policy)["coding"]
        for version, age in (("7", 24 * HOUR), ("8", 60.0)):
            activate_version(self.terms, version, by="tests", at=time.time() - age)
        (folder / "tokens").write_text(f"{TOKEN}\n")
        fill_ledger(folder / "state", self.terms)
        self.clocks = Clocks()
        clock = SteadyClock(self.clocks.wall, self.clocks.monotonic)
        self.service = ControllerService(policy, folder / "state", folder / "tokens", prometheus.url, clock=clock)
        labels = degraded(prometheus, baseline=self.terms.baseline_hash, change_point=time.time() - 30)
        body = notification(alert(labels))
        self.service.store.receive(body, parse_notification(body, {"coding": self.terms}), clock())

    def until(self, state: str) -> None:
        deadline = time.monotonic() + 60
        while self.service.store.incidents()[:1] == [] or self.service.store.incidents()[0]["state"] != state:
            assert time.monotonic() < deadline, f"not {state}"
            self.service.worker.turn()

    def actions(self) -> list[str]:
        return [event.action for event in self.service.store.audit_events(0, 1000)]


@pytest.fixture
def running(tmp_path: Path, prometheus: FakePrometheus) -> Iterator[Running]:
    running = Running(tmp_path, prometheus)
    yield running
    running.service.close()


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
