"""A state directory that lost its end, or cannot be read or written, never leads to a change nobody accounts for."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import Segment, SegmentRule
from otel_clinical.rollback import DATABASE, AuditBrokenError, Order, OrderKind, verify_file
from otel_clinical.rollback.events import PointerSeen
from otel_clinical.rollback.store import Store
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, alert, notification
from tests.rollback._forked import ForkedController
from tests.rollback._prometheus import degraded, serving
from tests.rollback._situations import Play, confirmed, pointer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from soak._nursery import Nursery
    from tests.rollback._prometheus import FakePrometheus

LONG = 60.0
OURS = "rb-0123456789ab-1"


@pytest.fixture
def switched(nursery: Nursery, terms: Terms, tmp_path: Path, prometheus: FakePrometheus) -> Iterator[ForkedController]:
    """A controller that has made a rollback."""
    controller = ForkedController(nursery, tmp_path, prometheus.url)
    controller.start()
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.post(notification(alert(labels)))
    controller.wait_state("converging", "verifying", within=LONG)
    yield controller
    controller.process.stop()


def damage(path: Path, begin: int) -> None:
    """Turn everything from `begin` on into its opposite."""
    content = bytearray(path.read_bytes())
    content[begin:] = bytes(byte ^ 0xFF for byte in content[begin:])
    path.write_bytes(content)


def test_a_damaged_log_of_the_database_disarms_the_controller_and_a_checkpoint_shows_it(
    switched: ForkedController, prometheus: FakePrometheus, terms: Terms
) -> None:
    state = switched.folder / "state"
    head = verify_file(state / DATABASE)
    switched.process.kill()
    wal = state / f"{DATABASE}-wal"
    damage(wal, 32)
    switched.start()
    assert switched.incidents() == [], "the damage took the rollback with it"
    with pytest.raises(AuditBrokenError, match=f"checkpoint {head.seq} is not in the chain"):
        verify_file(state / DATABASE, head)
    (lost,) = [event for event in switched.get("/v1/audit")["events"] if event["action"] == "memory.lost"]
    assert lost["data"]["markers"] == switched.pointer().marker
    # The version that was restored fails as well: the machine must not take a second step.
    prometheus.drop("ALERTS")
    serving(prometheus, "7")
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time(), version="7", activation=3)
    switched.post(notification(alert(labels)))
    incident = wait_until(
        lambda: next((i for i in switched.incidents() if i["state"] != "deciding"), None), within=LONG, what="it"
    )
    assert incident["state"] in {"recommended", "inconclusive"}
    assert (switched.pointer().version, switched.pointer().epoch, switched.pointer().route) == ("7", 3, "standard")
    switched.verify_audit()


def test_a_database_that_is_none_is_one_sentence(switched: ForkedController) -> None:
    switched.process.stop()
    database = switched.folder / "state" / DATABASE
    damage(database, 0)
    switched.start()
    assert switched.process.running is False
    said = switched.process.log_tail()
    assert str(database) in said
    assert "Traceback" not in said


def test_a_folder_that_cannot_be_written_is_one_sentence(terms: Terms, tmp_path: Path) -> None:
    del terms
    (tmp_path / "state").mkdir()
    with closing(Store(tmp_path / "state")):
        pass
    for path in (tmp_path / "state").iterdir():
        path.chmod(0o400)
    (tmp_path / "state").chmod(0o500)
    command = list(Controller(tmp_path, "http://127.0.0.1:9").process.command)
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root can write everything, and setpriv is not there to take that away")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
    finally:
        (tmp_path / "state").chmod(0o700)
    assert ended.returncode != 0
    assert str(tmp_path / "state") in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("where", ["version", "rule"])
def test_a_change_of_ours_that_nobody_remembers_disarms_once(where: str) -> None:
    play = Play()
    seen = pointer(marker=OURS)
    if where == "rule":
        rule = SegmentRule(Segment("payer", "medicaid"), "manual", reason="drift", marker=OURS)
        seen = pointer(rules=(rule,))
    play.happen(PointerSeen(seen))
    play.happen(PointerSeen(replace(seen, epoch=6)))
    assert play.actions == ["memory.lost"]
    assert confirmed(play).only.state == "recommended"
    # Two people who have looked arm it again, and are not contradicted.
    for person in ("ana", "ben"):
        play.happen(Order(OrderKind.ARM, "coding", person, "looked at the pointer", play.now))
    play.happen(PointerSeen(replace(seen, epoch=7)))
    assert play.actions.count("memory.lost") == 1
    assert OrderKind.DISARM.value not in play.state.standing


def test_changes_that_are_known_or_of_people_disarm_nothing() -> None:
    play = confirmed(Play())
    play.make()
    play.happen(PointerSeen(play.pointer))
    play.happen(PointerSeen(replace(play.pointer, marker="human", epoch=9)))
    assert "memory.lost" not in play.actions
