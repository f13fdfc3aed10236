"""One person has the known good version back, in every mode and whatever the figures say; never an unproved one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import activate_version
from otel_clinical.rollback.orders import Order, OrderKind
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, terms_of
from tests.rollback._situations import Play

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus


def order(play: Play, **facts: str) -> Order:
    return Order(OrderKind.ROLLBACK, "coding", "ana", "wrong codes at the desk", play.now, facts=facts)


def test_what_was_ordered_is_an_incident_that_is_already_decided() -> None:
    play = Play()
    said = play.happen(order(play, version="8", activation=str(play.pointer.activation))).records
    assert [record.action for record in said] == ["incident.opened", "order.rollback"]
    assert (play.only.key.cause, play.only.approved_by, play.only.version) == ("ordered", "ana", "8")
    again = play.happen(order(play, version="8", activation=str(play.pointer.activation))).records
    assert [record.action for record in again] == ["order.refused"]


def test_without_a_version_to_go_back_to_nothing_is_done_and_it_is_said_why() -> None:
    play = Play()
    (refused,) = play.happen(order(play, problem="there is no version to go back to")).records
    assert (refused.action, refused.data["problem"]) == ("order.refused", "there is no version to go back to")
    assert play.state.incidents == {}


@pytest.mark.parametrize("up", [True, False])
def test_a_real_controller_in_observe_goes_back_once_when_one_person_says_so(
    prometheus: FakePrometheus, tmp_path: Path, *, up: bool
) -> None:
    terms = terms_of(tmp_path, mode="observe")
    for version, age in (("7", 86_400.0), ("8", 60.0)):
        activate_version(terms, version, by="tests", at=time.time() - age)
    prometheus.up = up
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.3", "--retry=0.2", "--watch=0.1"))
    controller.start()
    try:
        words = ["rollback", "now", "coding", f"--state={tmp_path / 'state'}", "--by=ana", "--reason=wrong codes"]
        for _ in range(2):
            assert run(words) == 0
        controller.wait_state("converging", "verifying", "rolled_back")
        assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)

        def said() -> set[str]:
            return {event["action"] for event in controller.get("/v1/audit")["events"]}

        wait_until(lambda: "order.refused" in said(), within=60, what="the second order to be refused")
        events = {event["action"]: event["data"] for event in controller.get("/v1/audit")["events"]}
        assert (events["order.rollback"]["by"], events["order.rollback"]["method"]) == (["ana"], "state directory")
        decision = events["decision.rollback"]
        assert decision["policy"].startswith("sha256:"), "a decision says by which policy and release it was taken"
        assert decision["release"]
        assert [quarantine["version"] for quarantine in controller.get("/v1/releases")["quarantines"]] == ["8"]
        assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)
        controller.verify_audit()
    finally:
        controller.process.stop(60)
