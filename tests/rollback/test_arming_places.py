"""Nothing is armed while a place that follows the pointer could not be switched with it."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from otel_clinical.cli._readiness import readiness
from otel_clinical.policy import load_policy
from otel_clinical.rollback import ControllerService, activate_version, read_terms
from otel_clinical.rollback.orders import ARMED, NOT_READY
from otel_clinical.rollback.store import Store
from otel_clinical.semconv.enums import RollbackMode
from tests.rollback._controller import TOKEN, fill_ledger, write_policy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus

LAST = "      maximum_alert_age: 15m\n"
FOLLOW = LAST + "      follow:\n        batch: {kind: pointer, path: batch.json}\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy with a place that follows, which is not there yet."""
    path = write_policy(tmp_path, **{LAST: FOLLOW})
    terms = read_terms(load_policy(path))["coding"]
    for version, age in (("7", 86_400.0), ("8", 60.0)):
        activate_version(terms, version, by="tests", at=time.time() - age)
    (tmp_path / "tokens").write_text(f"{TOKEN}\n")
    return path


def refusals(policy: Path, prometheus: FakePrometheus) -> list[str]:
    """Start a controller that two people arm, and return why it refused to be."""
    loaded, folder = load_policy(policy), policy.parent
    fill_ledger(folder / "state", read_terms(loaded)["coding"])
    service = ControllerService(loaded, folder / "state", folder / "tokens", prometheus.url)
    with closing(service):
        service.worker.turn()
        events = service.store.audit_events(0, 1000)
    return [str(event.data["problem"]) for event in events if event.action == "order.refused"]


def test_a_place_that_cannot_be_read_keeps_the_controller_from_being_armed(
    policy: Path, prometheus: FakePrometheus
) -> None:
    found = refusals(policy, prometheus)
    assert found
    assert all("batch" in problem for problem in found)


def test_readiness_shows_each_place(policy: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    words = [f"--policy={policy}", f"--state={tmp_path / 'state'}"]
    done = CliRunner().invoke(readiness, words)
    assert "no  batch follows the pointer" in done.output


def test_a_place_that_can_be_switched_is_no_hindrance(policy: Path, prometheus: FakePrometheus) -> None:
    terms = read_terms(load_policy(policy))["coding"]
    activate_version(replace(terms, pointer=policy.parent / "batch.json"), "8", by="tests", at=time.time() - 60)
    before = (policy.parent / "batch.json").read_bytes()
    assert refusals(policy, prometheus) == []
    assert (policy.parent / "batch.json").read_bytes() == before, "what serves there stays as it is"


def earn(state: Path) -> None:
    """Leave a record in which everything is shown that a controller must show before it arms itself."""
    now, days = time.time(), 86_400.0
    with closing(Store(state)) as store:
        store.note("controller.started", "controller", {"mode": {"coding": "observe"}, "armed": []}, now - 20 * days)
        store.watch("coding", now - 20 * days)
        with store._transaction() as connection:
            connection.execute("UPDATE watched SET until = ?", (now,))
        store.note("drill.passed", "coding", {}, now - days)


def standing(policy: Path, prometheus: FakePrometheus) -> dict[str, str]:
    """Start a controller that has earned it, let it judge itself, and return what stands of the model and why."""
    loaded, folder = load_policy(policy), policy.parent
    observing = replace(read_terms(loaded)["coding"], mode=RollbackMode.OBSERVE)
    fill_ledger(folder / "state", observing)
    earn(folder / "state")
    with closing(ControllerService(loaded, folder / "state", folder / "tokens", prometheus.url)) as service:
        service.worker.turn()  # takes up what is in the ledger, after it has judged itself
        service.worker._next_hour = 0.0
        service.worker.turn()
        return {key: order.reason for key, order in service.store.load("coding").standing.items()}


def test_a_controller_that_has_earned_it_does_not_arm_itself_while_a_place_could_not_be_switched(
    policy: Path, prometheus: FakePrometheus
) -> None:
    found = standing(policy, prometheus)
    assert ARMED not in found
    assert "batch" in found[NOT_READY]


def test_a_controller_that_has_earned_it_arms_itself_once_every_place_could_be_switched(
    policy: Path, prometheus: FakePrometheus
) -> None:
    terms = read_terms(load_policy(policy))["coding"]
    activate_version(replace(terms, pointer=policy.parent / "batch.json"), "8", by="tests", at=time.time() - 60)
    found = standing(policy, prometheus)
    assert NOT_READY not in found
    assert found[ARMED] == "every condition is met"
