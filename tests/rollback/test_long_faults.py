"""Faults that last for minutes: real store, pointer file and HTTP, and time that the test lets pass."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import read_pointer
from otel_clinical.rollback.alerts import parse_notification
from otel_clinical.rollback.confirm import MODEL, STATE, VERSION
from otel_clinical.semconv import metrics
from tests.rollback._controller import alert, notification
from tests.rollback._prometheus import processor, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus
    from tests.rollback._running import Running

VETO = 301.0
RETRY = 16.0


def take_away(path: Path, how: str) -> Path:
    """Let the pointer be unusable; return where the good one is."""
    aside = path.with_suffix(".aside")
    path.rename(aside)
    if how == "half written":
        path.write_text(aside.read_text()[:40])
    elif how == "a folder":
        path.mkdir()
    return aside


def put_back(path: Path, aside: Path) -> None:
    if path.is_dir():
        path.rmdir()
    aside.replace(path)


@pytest.mark.parametrize("how", ["gone", "half written", "a folder"])
@pytest.mark.parametrize("seconds", [60.0, 600.0])
def test_a_target_that_is_away_for_a_while_is_switched_once_when_it_is_back(
    running: Running, how: str, seconds: float
) -> None:
    running.until("announced")
    pointer = running.terms.pointer
    aside = take_away(pointer, how)
    running.turn(after=VETO)
    assert running.state == "rolling_back"
    waited = 0.0
    while waited < seconds:
        running.turn(after=RETRY)
        waited += RETRY
        assert running.state == ("stuck" if waited >= 120 else "rolling_back")
    assert len(running.events("target.stuck")) == (seconds > 120)
    put_back(pointer, aside)
    running.turn(after=RETRY)
    running.until("converging")
    serving_now = read_pointer(pointer)
    assert (serving_now.version, serving_now.epoch, serving_now.activation) == ("7", 3, 3)
    running.turn(after=RETRY)
    assert len(running.events("change.made")) == 1


def test_a_flood_of_notifications_holds_back_nothing_that_is_under_way(running: Running) -> None:
    running.until("announced")
    body = notification(*[alert(running.labels)] * 100)
    for _ in range(5):
        running.service.store.receive(body, parse_notification(body, {"coding": running.terms}), time.time())
    running.turn(after=VETO)
    assert running.state in {"converging", "verifying"}
    assert running.service.store.waiting_alerts(), "the change did not wait until all of them had been heard"
    for _ in range(5):
        running.turn()
    assert running.service.store.waiting_alerts() == []
    assert len(running.events("change.made")) == len(running.service.store.incidents()) == 1
    before = len(running.events("alert.stale"))
    running.service.store.receive(body, parse_notification(body, {"coding": running.terms}), time.time())
    running.turn()
    assert len(running.events("alert.stale")) == before + 1, (
        "what says the same a hundred times is taken into account once"
    )


def test_what_waits_for_a_pointer_is_heard_when_there_is_one(running: Running) -> None:
    running.until("announced")
    pointer = running.terms.pointer
    aside = take_away(pointer, "gone")
    body = notification(*[alert(running.labels)] * 150)
    running.service.store.receive(body, parse_notification(body, {"coding": running.terms}), time.time())
    for _ in range(4):
        running.turn()
    assert len(running.service.store.waiting_alerts()) == 150
    put_back(pointer, aside)
    for _ in range(4):
        running.turn()
    assert running.service.store.waiting_alerts() == []
    assert running.state == "announced"


def test_one_instance_of_three_that_does_not_switch_is_named_and_nothing_is_called_verified(
    running: Running, prometheus: FakePrometheus
) -> None:
    running.until("announced")
    running.turn(after=VETO)
    running.until("converging")
    late = {MODEL: "coding", VERSION: "8", STATE: "active"}
    serving(prometheus, "7", ("a:1", "b:1"))
    prometheus.put(metrics.DEPLOYMENT_STATUS.prometheus, 1, job="service", instance="c:1", **late)
    running.turn(after=RETRY)
    assert (running.state, running.events("rollback.not_converged")) == ("converging", [])
    running.turn(after=121.0)
    assert [data["behind"] for data in running.events("rollback.not_converged")] == [["service/c:1"]]
    running.turn(after=60.0)
    assert running.state == "converging"
    assert running.events("rollback.converged") == []
    serving(prometheus, "7", ("a:1", "b:1", "c:1"))
    processor(prometheus)
    running.turn(after=RETRY)
    assert running.state == "verifying"
    assert len(running.events("rollback.not_converged")) == 1
