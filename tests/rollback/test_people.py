"""What people do beside the controller: activate, lift, close, look, report."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.release import EpochConflict, Segment, SegmentRule, force_manual_path, read_pointer, swap_pointer
from otel_clinical.rollback import ActivationRefusedError, activate_version, lift_hold
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, alert, notification, terms_of, value
from tests.rollback._prometheus import degraded, low_input, recovered

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus


def test_the_first_activation_creates_the_pointer_and_the_next_swaps_it(tmp_path: Path) -> None:
    terms = terms_of(tmp_path)
    first = activate_version(terms, "7", by="ana", at=1000.0)
    assert (first.epoch, first.activation, first.previous_version, first.activated_at) == (1, 1, None, 1000.0)
    second = activate_version(terms, "8", by="ben", at=2000.0)
    assert (second.epoch, second.activation, second.previous_version, second.updated_by) == (2, 2, "7", "ben")


def test_an_activation_is_refused_with_its_reason(terms: Terms) -> None:
    with pytest.raises(ActivationRefusedError, match="not declared in the policy; declared: 7, 8"):
        activate_version(terms, "9", by="ana", at=1.0)
    with pytest.raises(ActivationRefusedError, match="serves already"):
        activate_version(terms, "8", by="ana", at=1.0)
    with pytest.raises(EpochConflict):
        activate_version(terms, "7", by="ana", at=1.0, expect_epoch=1)


def test_more_reach_needs_two_people(terms: Terms) -> None:
    def held(pointer: object) -> object:
        rule = SegmentRule(Segment("payer", "medicaid"), "assisted", marker="rb-1")
        return pointer.with_rule(rule, at=1.0, by="controller").with_route("manual", at=1.0, by="controller")

    swap_pointer(terms.pointer, 2, held)
    for pair in (("ana", "Ana "), ("ana", "")):
        with pytest.raises(ActivationRefusedError, match="two different people"):
            lift_hold(terms, "rb-1", by=pair, at=2.0)
    with pytest.raises(ActivationRefusedError, match="holds nothing back under rb-2"):
        lift_hold(terms, "rb-2", by=("ana", "ben"), at=2.0)
    assert lift_hold(terms, "rb-1", by=("ana", "ben"), at=2.0).rules == ()
    lifted = lift_hold(terms, "route", by=("ana", "ben"), at=3.0)
    assert (lifted.route, lifted.updated_by) == ("standard", "ana and ben")


def test_the_command_line_activates_reports_and_verifies(
    controller: Controller, prometheus: FakePrometheus, terms: Terms, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = controller.folder
    state, policy = f"--state={folder / 'state'}", f"--policy={folder / 'policy.yaml'}"
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    controller.post(notification(alert(labels)))
    controller.wait_state("converging", "verifying")
    recovered(prometheus)
    incident = controller.wait_state("rolled_back")

    # A quarantined version does not come back by one person's command.
    assert run(["rollback", "activate", "coding", "8", policy, "--by=ana", state]) == 2
    assert "quarantined" in capsys.readouterr().err
    assert run(["rollback", "status", policy, state]) == 0
    shown = capsys.readouterr().out
    assert "coding: version 7 on route standard, epoch 3" in shown
    assert "quarantined: 8" in shown
    assert incident["id"] in shown

    page = folder / "report.html"
    assert run(["rollback", "report", incident["id"], state, f"--out={page}"]) == 0
    assert "The previous version was restored and performance recovered." in page.read_text()
    data = folder / "report.json"
    assert run(["rollback", "report", incident["id"], state, f"--out={data}", "--json"]) == 0
    assert json.loads(data.read_text())["decision"] == "rollback"
    assert run(["rollback", "report", "INC-none", state, f"--out={page}"]) == 2

    kept = folder / "checkpoint.json"
    assert run(["audit", "checkpoint", state, f"--out={kept}"]) == 0
    capsys.readouterr()
    assert run(["audit", "verify", state, f"--against={kept}"]) == 0
    assert capsys.readouterr().out.startswith("ok: ")
    lines = folder / "audit.jsonl"
    assert run(["audit", "export", state, f"--out={lines}"]) == 0
    actions = [json.loads(line)["action"] for line in lines.read_text().splitlines()]
    assert actions.index("change.planned") < actions.index("change.made") < actions.index("rollback.verified")
    kept.write_text(json.dumps({"seq": 1, "hash": "0" * 64}))
    assert run(["audit", "verify", state, f"--against={kept}"]) == 1


def test_a_person_closes_what_the_controller_cannot_decide(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.2", "--retry=0.2"))
    controller.start()
    try:
        labels = degraded(prometheus, baseline="sha256:" + "0" * 64, change_point=time.time() - 30)
        controller.post(notification(alert(labels)))
        incident = controller.wait_state("inconclusive")
        state = f"--state={tmp_path / 'state'}"
        assert run(["rollback", "close", "INC-none", state, "--by=ana", "--reason=x"]) == 2
        assert run(["rollback", "close", incident["id"], state, "--by=ana", "--reason=wrong baseline"]) == 0
        closed = controller.wait_state("overridden")
        assert closed["reason"] == "closed by ana: wrong baseline"
        prometheus.drop("ALERTS")
        assert terms.pointer.exists()
        assert read_pointer(terms.pointer).version == "8"
    finally:
        controller.process.stop()


def test_a_lifted_hold_is_no_longer_shown_as_in_force(prometheus: FakePrometheus, terms: Terms, tmp_path: Path) -> None:
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.2", "--retry=0.2"))
    controller.start()

    def shown(state: str) -> float:
        return value(controller, "clinical_ai_rollback_state", segment_value="ehr-b", rollback_state=state)

    try:
        controller.post(notification(alert(low_input(prometheus, "ehr-b", version="8"))))
        controller.wait_state("hold")
        assert shown("hold") == 1
        prometheus.drop("ALERTS")
        (rule,) = controller.pointer().rules
        lift_hold(terms, rule.marker, by=("ana", "ben"), at=time.time())
        wait_until(lambda: shown("hold") == 0, within=10, what="the hold to be gone from the metrics")
    finally:
        controller.process.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        ["rollback", "serve", "--listen=nowhere"],
        ["rollback", "serve", "--listen=127.0.0.1:0"],
        ["rollback", "serve", "--retry=0"],
    ],
)
def test_a_wrong_call_is_one_sentence(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terms_of(tmp_path)
    rest = [f"--policy={tmp_path / 'policy.yaml'}", f"--state={tmp_path}", "--token-file=x", "--prometheus=http://x"]
    assert run([*arguments, *rest]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "problem"),
    [("", "0 tokens"), ("short\n", "shorter than 16"), ("a" * 20 + "\n" * 2 + "b" * 20 + "\n" + "c" * 20, "3 tokens")],
)
def test_a_token_file_that_protects_nothing_is_refused(
    content: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terms_of(tmp_path)
    (tmp_path / "tokens").write_text(content)
    call = ["rollback", "serve", f"--policy={tmp_path / 'policy.yaml'}", f"--state={tmp_path / 's'}"]
    assert run([*call, f"--token-file={tmp_path / 'tokens'}", "--prometheus=http://x"]) == 2
    shown = capsys.readouterr().err
    assert problem in shown
    assert f"(umask 077; openssl rand -hex 32 > {tmp_path / 'tokens'})" in shown
    assert "a" * 20 not in shown


def test_where_nothing_serves_the_command_that_changes_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terms = terms_of(tmp_path)
    policy = tmp_path / "policy.yaml"
    assert run(["rollback", "status", f"--policy={policy}"]) == 0
    shown = capsys.readouterr().out
    assert f"`otel-clinical rollback activate coding VERSION --policy {policy} --by NAME`" in shown
    assert "declared versions: 7, 8" in shown
    with pytest.raises(ActivationRefusedError, match="otel-clinical rollback activate coding"):
        lift_hold(terms, "rb-1", by=("ana", "ben"), at=2.0)


def test_status_shows_the_file_that_stops_a_model_by_hand(
    terms: Terms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["rollback", "status", f"--policy={tmp_path / 'policy.yaml'}"]
    assert run(call) == 0
    assert "ON MANUAL BY HAND" not in capsys.readouterr().out
    force_manual_path(terms.pointer).touch()
    assert run(call) == 0
    assert f"ON MANUAL BY HAND: {force_manual_path(terms.pointer)} exists" in capsys.readouterr().out


def test_a_new_state_directory_is_said_to_be_new_and_an_old_one_is_not(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    assert terms
    controller = Controller(tmp_path, prometheus.url, ("--pull=3600",), ledger=False)
    said = []
    for _ in range(2):
        controller.start()
        controller.process.stop()
        said.append((tmp_path / "controller.log").read_text().count("is new: no quarantine"))
    assert said == [1, 1]


def test_status_says_in_words_what_the_controller_may_do_and_what_it_heard(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["rollback", "status", f"--policy={tmp_path / 'policy.yaml'}"]
    assert run(call) == 0
    assert "mode enforce: what is proved and confirmed will be changed\n" in capsys.readouterr().out
    controller = Controller(tmp_path, prometheus.url, ("--pull=3600", "--retry=0.2", "--mode=observe"))
    controller.start()
    try:
        call.append(f"--state={tmp_path / 'state'}")
        assert run(call) == 0
        shown = capsys.readouterr().out
        assert "mode observe: nothing will be changed (the controller was started so; the policy says enf" in shown
        assert "last heartbeat never, last webhook never" in shown
        assert "incidents: 0 open, 0 in all" in shown
        labels = degraded(prometheus, baseline="sha256:" + "0" * 64, change_point=time.time() - 30)
        controller.post(notification(), path="/v1/heartbeat")
        controller.post(notification(alert(labels)))
        controller.wait_state("inconclusive")
        assert run(call) == 0
        shown = capsys.readouterr().out
        assert "never" not in shown
        assert "incidents: 1 open, 1 in all" in shown
    finally:
        controller.process.stop()
    assert read_pointer(terms.pointer).version == "8"
