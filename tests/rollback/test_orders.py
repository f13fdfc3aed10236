"""Orders of people, and timers, in a real controller: they survive its death."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import DATABASE, OrderKind, StateTooNewError, standing_orders
from otel_clinical.rollback.acts import REASONS, Act, ActKind
from otel_clinical.rollback.state import ModelState
from otel_clinical.rollback.store import Store
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, alert, let_act, notification, terms_of
from tests.rollback._prometheus import degraded
from tests.rollback._situations import NOW, Play
from tests.rollback._situations import alert as seen

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus


def with_rollback(folder: Path, lines: str) -> Terms:
    """Write the policy with further lines under `rollback`."""
    return terms_of(folder, **{"      maximum_alert_age: 15m\n": f"      maximum_alert_age: 15m\n{lines}"})


def said(controller: Controller, *words: str) -> int:
    state = f"--state={controller.folder / 'state'}"
    return run(["rollback", *words, state, "--reason=planned work"])


def test_an_announced_change_survives_a_kill_and_is_vetoed(
    controller: Controller, prometheus: FakePrometheus, terms: Terms, capsys: pytest.CaptureFixture[str]
) -> None:
    controller.process.stop()
    with_rollback(controller.folder, "      safety_class: B\n      veto: 300s\n")
    controller.start()
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.post(notification(alert(labels)))
    announced = controller.wait_state("announced")
    assert 200 < announced["act_at"] - time.time() <= 300
    controller.process.kill()
    controller.start()
    assert controller.wait_state("announced")["act_at"] == announced["act_at"]
    assert said(controller, "veto", announced["id"], "--by=ana") == 0
    vetoed = controller.wait_state("overridden")
    assert vetoed["reason"] == "vetoed by ana: planned work"
    assert controller.pointer().version == "8"
    assert said(controller, "ack", "INC-000000000000", "--by=ana") == 2
    assert "no incident INC-000000000000" in capsys.readouterr().err


def test_a_question_left_open_is_answered_by_the_policy_across_a_kill(
    controller: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    controller.process.stop()
    with_rollback(controller.folder, "      on_inconclusive: {then: manual, after: 3s}\n")
    controller.start()
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    prometheus.up = False
    controller.post(notification(alert(labels)))
    opened = controller.wait_state("inconclusive")
    controller.process.kill()
    controller.start()
    closed = controller.wait_state("manual_route", within=60)
    assert closed["undecided_since"] == opened["undecided_since"]
    assert (controller.pointer().route, controller.pointer().version) == ("manual", "8")
    actions = [event["action"] for event in controller.get(f"/v1/incidents/{closed['id']}")["events"]]
    assert actions.count("incident.time_is_up") == 1
    controller.verify_audit()


def test_two_people_disarm_a_running_controller_and_it_stays_disarmed(
    controller: Controller, prometheus: FakePrometheus, terms: Terms, capsys: pytest.CaptureFixture[str]
) -> None:
    def standing() -> dict[str, object]:
        return dict(standing_orders(controller.folder / "state", "coding"))

    assert said(controller, "disarm", "coding", "--by=ana") == 0
    assert said(controller, "disarm", "coding", "--by=ben") == 0
    wait_until(lambda: OrderKind.DISARM in standing(), within=60, what="the order to stand")
    controller.process.kill()
    controller.start()
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.post(notification(alert(labels)))
    controller.wait_state("recommended")
    assert controller.pointer().version == "8"
    policy, state = f"--policy={controller.folder / 'policy.yaml'}", f"--state={controller.folder / 'state'}"
    capsys.readouterr()
    assert run(["rollback", "status", policy, state]) == 0
    assert "by ana and ben: planned work" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--for=9h"], [], ["--for=soon"]])
def test_the_command_line_says_how_long_a_freeze_may_be(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(tmp_path / "state").close()
    order = ["rollback", "freeze-rollbacks", "coding", f"--state={tmp_path / 'state'}", "--by=ana", "--reason=x"]
    assert run([*order, *words]) == 2
    assert ("at most 8 h" in (found := capsys.readouterr().err)) or "30m, 8h or 2d" in found


@pytest.mark.parametrize("reason", ["MRN 00471122", "born 1950-02-03", "ask ana@example.org"])
def test_words_that_may_be_about_a_patient_are_not_stored(
    reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(tmp_path / "state").close()
    state = f"--state={tmp_path / 'state'}"
    for order in (["freeze", "coding", "--for=1h"], ["close", "INC-000000000000"]):
        assert run(["rollback", *order, state, "--by=ana", f"--reason={reason}"]) == 2
        assert "may be a patient's; nothing was stored" in capsys.readouterr().err
    assert reason.encode() not in (tmp_path / "state" / DATABASE).read_bytes()


def test_a_state_directory_of_an_earlier_release_opens_with_all_it_holds(tmp_path: Path) -> None:
    play = Play()
    play.hear(seen())
    play.confirm(play.only)
    store = Store(tmp_path)
    store.commit("coding", ModelState(), play.state, at=NOW)
    store.close()
    later = ["undecided_since", "act_at", "paged_at", "acknowledged_at", "acknowledged_by", "approved_by", "vetoed_by"]
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection, connection:
        for name in later:
            connection.execute("UPDATE incidents SET data = json_remove(data, ?)", (f"$.{name}",))
        connection.execute("UPDATE incidents SET data = json_remove(data, '$.last.fellows', '$.last.arm')")
        connection.executescript("DROP TABLE orders; DROP TABLE standing; PRAGMA user_version = 0;")
    store = Store(tmp_path)
    assert store.load("coding") == play.state
    store.close()


def test_a_state_directory_of_a_later_release_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StateTooNewError, match="later release"):
        Store(tmp_path)


def test_a_heartbeat_of_before_the_start_is_no_silence_but_one_after_it_is(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    with_rollback(tmp_path, "      dead_man: {silence: 1s, then: assisted, after: 1s}\n")
    with closing(Store(tmp_path / "state")) as store:
        store.beat(time.time() - 86_400)
    let_act(tmp_path / "state")
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.2", "--retry=0.2", "--watch=0.1"))
    controller.start()
    try:
        incident = controller.wait_state("safe_mode", within=60)
        assert controller.pointer().route == "assisted"
        events = controller.get("/v1/audit")["events"]
        silent = next(event["data"]["silent"] for event in events if event["action"] == "controller.blind")
        assert silent < 3600
        assert incident["key"]["cause"] == "blind"
    finally:
        controller.process.stop()


def test_what_a_person_does_on_the_page_reaches_the_controller_as_an_order(tmp_path: Path) -> None:
    play = Play(veto=120.0)
    play.hear(seen())
    play.confirm(play.only)
    with closing(Store(tmp_path)) as store:
        store.commit("coding", ModelState(), play.state, at=NOW)
        for kind, reason in ((kind, REASONS[kind][0]) for kind in (ActKind.ACKNOWLEDGE, ActKind.VETO)):
            store.act(Act(play.only.id, kind, "ana", "token", reason), NOW)
        for _, order in store.waiting_orders():
            play.happen(order)
    assert (play.only.state, play.only.acknowledged_by) == ("overridden", "ana")
    assert play.only.reason.startswith("vetoed by ana")
