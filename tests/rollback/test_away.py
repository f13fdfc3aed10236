"""What is away, or does not follow, while a real controller goes back: called stuck, named, and made good once."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from otel_clinical.release import read_pointer
from otel_clinical.rollback import Terms, activate_version
from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import ManagedProcess, free_ports, stop_all, wait_until
from tests.rollback._controller import Controller, alert, notification, terms_of, value
from tests.rollback._prometheus import degraded
from tests.rollback._stack import Stack
from tests.rollback.targets._peer import Peer
from tests.rollback.test_long_faults import put_back, take_away

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus

LAST = "      maximum_alert_age: 15m\n"
SECRET = "secret-of-the-tests-01"  # noqa: S105 -- no secret
LONG = 60.0


class Scene:
    """A real controller with some more lines in its policy, version 8 fresh after 7, and a scripted Prometheus."""

    def __init__(self, folder: Path, prometheus: FakePrometheus, more: str) -> None:
        self.terms: Terms = terms_of(folder, **{LAST: LAST + more})
        self._prometheus = prometheus
        for version, age in (("7", 86_400.0), ("8", 60.0)):
            activate_version(self.terms, version, by="tests", at=time.time() - age)
        self.controller = Controller(folder, prometheus.url, ("--pull=0.3", "--retry=0.2", "--watch=0.1"))
        self.controller.start()

    def degrade(self) -> None:
        """Let a drop be proved and told."""
        labels = degraded(self._prometheus, baseline=self.terms.baseline_hash, change_point=time.time() - 30)
        assert self.controller.post(notification(alert(labels))).status_code == 202

    def events(self, action: str) -> list[dict[str, Any]]:
        """Return what the audit says of each event of this kind."""
        found = self.controller.get("/v1/audit")["events"]
        return [event["data"] for event in found if event["action"] == action]

    def place_is(self, state: str) -> None:
        """Wait until the place that follows is in this state."""
        name = metrics.TARGET_STATUS.prometheus

        def look() -> bool:
            return value(self.controller, name, target_state=state) == 1

        wait_until(look, within=LONG, what=f"the place to be {state}", every=0.1)

    def close(self) -> None:
        self.controller.process.stop()


@pytest.mark.parametrize("how", ["gone", "half written", "a folder"])
def test_a_pointer_that_is_away_for_long_is_paged_as_stuck_and_switched_once_when_it_is_back(
    prometheus: FakePrometheus, tmp_path: Path, how: str
) -> None:
    more = "      stuck_after: 1s\n      safety_class: B\n      veto: 2s\n"
    with closing(Scene(tmp_path, prometheus, more)) as scene:
        scene.degrade()
        scene.controller.wait_state("announced")
        aside = take_away(scene.terms.pointer, how)
        scene.controller.wait_state("stuck")
        (stuck,) = scene.events("target.stuck")
        assert stuck["page"] is True
        put_back(scene.terms.pointer, aside)
        scene.controller.wait_state("converging", "verifying")
        now = read_pointer(scene.terms.pointer)
        assert (now.version, now.epoch, now.activation) == ("7", 3, 3)
        assert len(scene.events("change.made")) == len(scene.events("target.stuck")) == 1
        scene.controller.verify_audit()


def test_a_pointer_that_is_away_for_a_moment_is_switched_once_and_nobody_is_called(
    prometheus: FakePrometheus, tmp_path: Path
) -> None:
    with closing(
        Scene(tmp_path, prometheus, "      stuck_after: 10m\n      safety_class: B\n      veto: 2s\n")
    ) as scene:
        scene.degrade()
        scene.controller.wait_state("announced")
        aside = take_away(scene.terms.pointer, "gone")
        scene.controller.wait_state("rolling_back")
        log = scene.controller.folder / "controller.log"
        wait_until(lambda: "cannot be read or written" in log.read_text(), within=LONG, what="a try")
        put_back(scene.terms.pointer, aside)
        scene.controller.wait_state("converging", "verifying")
        assert (scene.controller.pointer().version, scene.controller.pointer().epoch) == ("7", 3)
        assert (len(scene.events("change.made")), scene.events("target.stuck")) == (1, [])


def test_a_place_that_is_away_refuses_lies_and_loses_its_answer_is_switched_exactly_once(
    prometheus: FakePrometheus, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (port,) = free_ports(1)
    place = f"{{kind: http, url: http://127.0.0.1:{port}/coding, secret_file: secret}}"
    peer = Peer(SECRET, port)
    with closing(Scene(tmp_path, prometheus, f"      follow:\n        deploy: {place}\n")) as scene:
        try:
            scene.place_is("in_step")
            wait_until(lambda: scene.events("order.arm"), within=LONG, what="two people's order, which asks the place")
            before = peer.epoch
            peer.close()
            scene.degrade()
            scene.controller.wait_state("converging", "verifying")
            scene.place_is("unreachable")
            assert scene.controller.pointer().version == "7", "what decides waits for no place that follows"
            kept = peer
            peer = Peer(SECRET, port)
            peer.epoch, peer.marker, peer.answer = kept.epoch, kept.marker, 403
            scene.place_is("denied")
            # 200 without having done it is a read-back that says something else; 409 a change by somebody meanwhile.
            for answer, state in ((409, "unreachable"), (422, "denied"), (200, "unreachable"), (404, "denied")):
                peer.answer = answer
                scene.place_is(state)
                assert (peer.version, peer.epoch) == ("8", before)
            peer.lose_answer, peer.answer = True, None
            scene.place_is("in_step")
            assert (peer.version, peer.epoch, len(peer.keys)) == ("7", before + 1, 1)
            scene.controller.verify_audit()
        finally:
            peer.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Stack, list[str]]]:
    """Three instances of one service, of which the last reads a copy of the pointer that nobody renews."""
    ports = free_ports(3)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    stack = Stack(tmp_path, services=addresses, changes={"recover_within: 5%}": "recover_within: 5%, converge: 2s}"})
    copy = tmp_path / "copy.json"
    shutil.copy(stack.terms.pointer, copy)
    pointers = (stack.terms.pointer, stack.terms.pointer, copy)
    for number, (port, pointer) in enumerate(zip(ports, pointers, strict=True)):
        command = [sys.executable, "-m", "tests.rollback._instance", str(pointer), str(port)]
        log, url = tmp_path / f"instance-{number}.log", f"http://127.0.0.1:{port}"
        stack.start(ManagedProcess(f"instance {number}", command, log, f"{url}/metrics", url))
    yield stack, addresses
    stop_all(stack.started)
    stack.exposed.close()


def test_one_of_three_real_instances_that_does_not_switch_is_named_and_nothing_is_called_verified(
    fleet: tuple[Stack, list[str]], tmp_path: Path
) -> None:
    stack, addresses = fleet
    stack.exposed.evidence("8", 2, proof=0.0, drop=0.0, performance=0.92)
    stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
    wait_until(
        lambda: stack.asked(f"count({metrics.DEPLOYMENT_STATUS.prometheus} == 1) == 3"), within=LONG, what="three"
    )
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)
    stack.state("converging", within=LONG)
    stack.exposed.evidence("7", 3, proof=0.0, drop=0.0, performance=0.92)

    def behind() -> list[list[str]]:
        stack.exposed.alive()
        events = stack.controller.get("/v1/audit")["events"]
        return [event["data"]["behind"] for event in events if event["action"] == "rollback.not_converged"]

    wait_until(behind, within=LONG, what="the page", every=0.2)
    assert behind()[0] == [f"service/{addresses[2]}"]
    # Its figures are good by now: whoever is left behind keeps that from being called a recovery.
    assert stack.state("converging")["state"] == "converging"
    shutil.copy(stack.terms.pointer, tmp_path / "copy.json")
    stack.state("rolled_back", within=LONG)
    assert len(behind()) == 1
    assert stack.controller.pointer().epoch == 3
    stack.controller.verify_audit()
