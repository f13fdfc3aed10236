"""From an export of the audit alone, every state of every model can be built again."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.cli._frame import run
from otel_clinical.rollback import DATABASE, Order, OrderKind, export_file, verify_lines
from otel_clinical.rollback.replay import changes, picture, replay
from otel_clinical.rollback.state import ModelState
from otel_clinical.rollback.store import Store
from tests.rollback._controller import Controller, alert, notification
from tests.rollback._prometheus import degraded, recovered
from tests.rollback._situations import NOW, Play, confirmed
from tests.rollback.test_invariants import MOVES, move

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus


@settings(max_examples=150, deadline=None)
@given(st.lists(MOVES, max_size=30))
def test_every_history_can_be_replayed_from_what_the_audit_was_told(moves: list[tuple[Any, ...]]) -> None:
    play, lines = Play(veto=60.0, then="manual", then_after=60.0), []
    lines.append(json.dumps({"seq": 0, "data": {"changes": changes("coding", ModelState(), play.state)}}))
    for number, chosen in enumerate(moves, 1):
        before = play.state
        move(play, chosen)
        lines.append(json.dumps({"seq": number, "data": {"changes": changes("coding", before, play.state)}}))
    assert replay(lines).get("coding", {}) == picture(play.state)


def test_what_the_store_writes_can_be_replayed_and_checked_by_itself(tmp_path: Path) -> None:
    play = Play()
    with closing(Store(tmp_path)) as store:

        def keep(before: ModelState, *events: Any) -> None:
            for event in events:
                result = play.happen(event)
                store.commit("coding", before, result.state, result.records, at=play.now)
                before = result.state

        confirmed(play)
        store.commit("coding", ModelState(), play.state, at=NOW)
        keep(play.state, Order(OrderKind.FREEZE, "coding", "ana", "new forms", NOW, until=NOW + 60))
        keep(play.state, Order(OrderKind.REGISTER, "coding", "ana", "x", NOW, "7", facts={"digest": "sha256:1"}))
        assert store.load("coding") == play.state
    lines = list(export_file(tmp_path / DATABASE))
    assert replay(lines) == {"coding": picture(play.state)}
    assert verify_lines(lines).seq == 3


def test_a_change_that_was_left_out_of_an_export_shows(tmp_path: Path) -> None:
    play, lines = Play(), []
    for number, action in enumerate((lambda: confirmed(play), play.make)):
        before = play.state if number else ModelState()
        action()
        lines.append(json.dumps({"seq": number + 1, "data": {"changes": changes("coding", before, play.state)}}))
    assert replay(lines)["coding"] == picture(play.state)
    with pytest.raises(ValueError, match=r"event 2: incident .* changes from what it never was"):
        replay(lines[1:])


def test_a_killed_controllers_states_follow_from_its_export(
    controller: Controller, prometheus: FakePrometheus, terms: Terms, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.post(notification(alert(labels)))
    controller.wait_state("converging", "verifying")
    controller.process.kill()
    controller.start()
    recovered(prometheus)
    incident = controller.wait_state("rolled_back", within=60)
    controller.process.stop()
    state, out = controller.folder / "state", controller.folder / "export.jsonl"
    assert run(["audit", "export", f"--state={state}", f"--out={out}"]) == 0
    assert run(["audit", "verify", f"--export={out}"]) == 0
    capsys.readouterr()
    assert run(["audit", "replay", f"--export={out}"]) == 0
    shown = {(item["kind"], item["name"]): item for item in json.loads(capsys.readouterr().out)["coding"]}
    assert shown["incident", incident["id"]]["state"] == "rolled_back"
    assert shown["quarantine", "8"]["version"] == "8"
    with closing(Store(state)) as store:
        assert replay(out.read_text().splitlines())["coding"] == picture(store.load("coding"))
