"""Only a version that the ledger knows as good is gone back to; where there is none, people take over."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import Order, OrderKind, release_ledger
from otel_clinical.rollback._ordered import ordered
from otel_clinical.rollback._records import Setting, Timing
from otel_clinical.rollback.events import ReleaseSeen
from otel_clinical.rollback.ledger import KnownGoodRules, Release, ReleaseStatus, candidate, way_back
from otel_clinical.rollback.smoke import artifact_problem, run_golden_set
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, alert, fill_ledger, let_act, notification, terms_of
from tests.rollback._prometheus import degraded
from tests.rollback._situations import DAY, GOOD, MEDICAID, NOW, SERVING, Play, confirmed, pointer
from tests.rollback._situations import alert as heard

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus

RULES = KnownGoodRules(soak=7 * DAY, labels=500)
SMOKED = replace(RULES, smoke_command=("golden-set",))


def ledger(*known: Release, rules: KnownGoodRules = RULES, serving: Any = None, **changes: Any) -> Play:
    play = Play(serving, known_good=rules, **{"versions": ("6", "7", "8", "9"), **changes})
    play.state = replace(play.state, releases={release.version: release for release in known})
    return play


def test_the_newest_version_that_is_known_good_is_gone_back_to_whatever_served_before() -> None:
    unknown = replace(GOOD, version="9", status=ReleaseStatus.SUPERSEDED, good_since=None, activated_at=NOW - DAY)
    older = replace(GOOD, version="6", activated_at=NOW - 200 * DAY)
    play = confirmed(ledger(older, GOOD, unknown, SERVING, serving=pointer(previous_version="9")))
    play.make()
    assert (play.pointer.version, play.only.decision) == ("7", "rollback")


@pytest.mark.parametrize(
    ("good", "rules", "why"),
    [
        (None, RULES, "no other version is known to be good"),
        (replace(GOOD, good_since=None), RULES, "no other version is known to be good"),
        (replace(GOOD, status=ReleaseStatus.RETIRED), RULES, "no other version is known to be good"),
        (replace(GOOD, schema_hash="sha256:other"), RULES, "takes other inputs"),
        (replace(GOOD, baseline_hash=""), RULES, "no frozen baseline"),
        (replace(GOOD, smoke_at=None), SMOKED, "golden set was not run"),
        (replace(GOOD, smoke_at=NOW - 25 * 3600), SMOKED, "golden set was not run"),
        (replace(GOOD, smoke_problem="exit code 3"), SMOKED, "failed the golden set: exit code 3"),
    ],
)
def test_without_a_version_known_to_be_good_people_take_over(
    good: Release | None, rules: KnownGoodRules, why: str
) -> None:
    play = confirmed(ledger(*([good] if good else []), SERVING, rules=rules))
    assert play.only.decision == "refused"
    assert why in play.only.reason
    play.make()
    assert (play.pointer.version, play.pointer.route, play.only.state) == ("8", "manual", "manual_route")


def test_a_version_that_served_before_and_is_known_to_nobody_is_never_gone_back_to() -> None:
    play = confirmed(ledger(SERVING, serving=pointer(previous_version="7")))
    assert (play.only.decision, play.only.reason) == ("refused", "no other version is known to be good")


def test_people_take_over_where_nobody_knows_which_inputs_the_serving_version_takes() -> None:
    for serving in ([], [replace(SERVING, registered_at=None)]):
        play = confirmed(ledger(GOOD, *serving))
        assert play.only.decision == "refused"
        assert "8 is not registered" in play.only.reason


def test_a_policy_that_says_nothing_asks_for_a_version_that_is_known_good(tmp_path: Path) -> None:
    assert terms_of(tmp_path).known_good == RULES


def test_a_new_controller_lets_people_vouch_for_the_version_that_served_before_it() -> None:
    play = ledger()
    play.terms = replace(play.terms, versions=("7", "8"))
    for version in ("7", "8"):
        said(play, OrderKind.REGISTER, version, digest="sha256:x", baseline_hash="sha256:base")
    assert said(play, OrderKind.KNOWN_GOOD) == "order.refused"
    watched(play, 0, None)
    assert said(play, OrderKind.KNOWN_GOOD) == "release.known_good"
    assert way_back(play.terms, play.state, play.pointer, play.now) == ("7", "")
    assert confirmed(play).only.decision == "rollback"


def test_a_golden_set_that_passed_lately_lets_the_version_be_restored() -> None:
    assert confirmed(ledger(GOOD, SERVING, rules=SMOKED)).only.decision == "rollback"


@pytest.mark.parametrize("quarantined", ["7", "9"])
def test_behind_a_quarantined_version_nothing_older_is_looked_for(quarantined: str) -> None:
    older = replace(GOOD, version="6", activated_at=NOW - 200 * DAY)
    play = ledger(older, GOOD, SERVING, serving=pointer(previous_version=quarantined))
    play.state = replace(play.state, quarantined=frozenset({quarantined}))
    assert confirmed(play).only.decision == "refused"
    assert f"{quarantined} is quarantined" in play.only.reason


def test_in_one_segment_a_version_that_failed_there_is_no_way_back() -> None:
    play = ledger(GOOD, SERVING)
    play.state = replace(play.state, quarantined_in=frozenset({("7", MEDICAID)}))
    confirmed(play, heard(MEDICAID), aggregate_evidence=0.0)
    assert "quarantined for payer medicaid" in play.only.reason
    play.make()
    assert play.pointer.resolve({"payer": "medicaid"}).route == "manual"
    assert play.pointer.route == "standard"


def test_a_version_that_was_restored_by_itself_and_fails_too_is_left_to_people() -> None:
    older = replace(GOOD, version="6", activated_at=NOW - 200 * DAY)
    play = confirmed(ledger(older, GOOD, SERVING, per_day=9, per_30_days=9))
    play.make()
    play.now += 40 * DAY
    play.pointer = replace(play.pointer, previous_version="6")
    play.hear(heard(version="7", starts_at=play.now))
    second = next(i for i in play.state.incidents.values() if i.version == "7")
    play.confirm(second, activation=3.0, active_versions=("7",), change_point=play.pointer.activated_at + 60)
    found = play.state.incidents[second.id]
    assert found.decision in {"refused", "safe_mode"}
    play.make()
    assert play.pointer.version == "7"
    assert play.pointer.route != "standard"


def test_a_version_that_was_given_back_to_one_segment_and_fails_there_too_leaves_the_segment_to_people() -> None:
    play = ledger(GOOD, SERVING)
    confirmed(play, heard(MEDICAID), aggregate_evidence=0.0)
    play.make()
    assert play.pointer.resolve({"payer": "medicaid"}).version == "7"
    play.now += 30 * DAY
    for _ in range(3):
        play.hear(heard(MEDICAID, version="7", starts_at=play.now))
    second = next(i for i in play.state.incidents.values() if i.version == "7")
    assert len(play.state.incidents) == 2
    play.confirm(second, activation=1.0, aggregate_evidence=0.0, change_point=play.now - DAY)
    assert "fails there too" in play.state.incidents[second.id].reason
    play.make()
    found = play.pointer.resolve({"payer": "medicaid"})
    assert (found.route, play.pointer.resolve({"payer": "medicare"}).route) == ("manual", "standard")
    assert play.pointer.version == "8"
    before = play.state
    play.hear(heard(MEDICAID, version="7", starts_at=play.now))
    assert play.state == before


def test_an_alert_of_a_version_that_serves_nobody_is_stale_still() -> None:
    play = ledger(GOOD, SERVING)
    play.hear(heard(MEDICAID, version="7"))
    assert (play.actions, dict(play.state.incidents)) == (["alert.stale"], {})


def test_a_version_that_is_given_up_in_one_segment_is_quarantined_for_it_alone() -> None:
    play = ledger(GOOD, SERVING)
    confirmed(play, heard(MEDICAID), aggregate_evidence=0.0)
    play.make()
    assert play.state.quarantined_in == {("8", MEDICAID)}
    assert play.state.quarantined == frozenset()


def watched(play: Play, after: float, labels: float | None) -> list[str]:
    play.now += after
    return [record.action for record in play.happen(ReleaseSeen(play.pointer, labels)).records]


def test_soak_and_outcomes_without_trouble_make_a_registered_version_known_good() -> None:
    play = ledger(replace(SERVING, activated_at=None, status=ReleaseStatus.CANDIDATE))
    assert watched(play, 0, 10.0) == []
    assert play.state.releases["8"].status == "active"
    assert watched(play, 6 * DAY, 900.0) == []
    assert watched(play, DAY, 499.0) == []
    assert watched(play, 60, None) == []
    assert watched(play, 60, 500.0) == ["release.known_good"]
    assert (play.state.releases["8"].good_by, play.state.releases["8"].labels) == ("controller", 900.0)
    play.pointer = replace(play.pointer, version="9", activation=3, previous_version="8")
    watched(play, 60, 0.0)
    assert play.state.releases["8"].status == "superseded"
    assert candidate(play.state, play.pointer) == "8"


def test_trouble_or_a_missing_registration_keeps_a_version_from_being_known_good() -> None:
    play = ledger(SERVING)
    play.hear(heard())
    play.confirm(play.only, samples=10.0)
    assert watched(play, 8 * DAY, 900.0) == []
    assert watched(ledger(), 8 * DAY, 900.0) == []


def said(play: Play, kind: OrderKind, version: str = "7", **facts: str) -> str:
    setting = Setting(play.terms, Timing(), play.now)
    step = ordered(setting, play.state, Order(kind, "coding", "ana", "why", play.now, version, facts=facts))
    play.state = step.state
    return step.records[0].action if step.records else ""


def test_a_version_is_registered_once_with_one_digest() -> None:
    play = ledger()
    assert said(play, OrderKind.REGISTER, digest="sha256:1") == "release.registered"
    assert said(play, OrderKind.REGISTER, digest="sha256:1") == ""
    assert said(play, OrderKind.REGISTER, digest="sha256:2") == "order.refused"
    assert play.state.releases["7"].digest == "sha256:1"


def test_nobody_vouches_for_a_version_that_never_served_or_is_quarantined() -> None:
    play = ledger(GOOD)
    assert said(play, OrderKind.KNOWN_GOOD, "6") == "order.refused"
    said(play, OrderKind.REGISTER, "6", digest="x")
    assert said(play, OrderKind.KNOWN_GOOD, "6") == "order.refused"
    assert said(play, OrderKind.QUARANTINE) == "version.quarantined"
    assert said(play, OrderKind.KNOWN_GOOD) == "order.refused"
    assert said(play, OrderKind.RETIRE) == "release.retired"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ((sys.executable, "-c", "import sys; sys.exit(sys.argv[1] != '7')"), ""),
        ((sys.executable, "-c", "raise SystemExit(3)"), "exit code 3"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "took longer than 0.5 s"),
        (("/nonexistent/golden-set",), "could not be started (FileNotFoundError)"),
    ],
)
def test_the_golden_set_is_a_program_whose_exit_code_counts(command: tuple[str, ...], problem: str) -> None:
    slow = "sleep" in command[-1]
    rules = replace(RULES, smoke_command=command, smoke_timeout=0.5 if slow else 60.0)
    assert run_golden_set("coding", "7", rules) == problem


def test_an_artifact_that_changed_or_is_gone_is_no_way_back(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights")
    digest = "sha256:9e8bfd8dc3a8d8ae4eb3b8ad5ab0a0ac4dd67bdd2ec4d3d3e4e9bb8e4f1e1f7a"
    assert artifact_problem(Release("7", digest=digest, artifact=str(file))) == "its artifact is not the registered one"
    file.unlink()
    assert "cannot be read" in artifact_problem(Release("7", digest=digest, artifact=str(file)))
    assert artifact_problem(Release("7", digest=digest)) == ""


KNOWN_GOOD = """      known_good:
        minimum_soak: 7d
        minimum_labels: 500
        smoke: {command: ["%s", "-c", "pass"], every: 1h}
"""


def test_the_ledger_of_a_running_controller_decides_what_is_restored(
    prometheus: FakePrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = "      maximum_alert_age: 15m\n"
    terms = terms_of(tmp_path, **{rest: rest + KNOWN_GOOD % sys.executable})
    state, policy = f"--state={tmp_path / 'state'}", f"--policy={tmp_path / 'policy.yaml'}"
    (tmp_path / "seven.bin").write_bytes(b"seven")
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.3", "--retry=0.2", "--watch=0.1"), ledger=False)
    controller.start()

    def known(version: str) -> dict[str, Any]:
        return next((r for r in release_ledger(tmp_path / "state", "coding") if r["version"] == version), {})

    try:
        assert run(["release", "activate", "coding", "7", policy, state, "--by=ana"]) == 2
        assert "is not registered" in capsys.readouterr().err
        for version, source in (("7", f"--artifact={tmp_path / 'seven.bin'}"), ("8", "--digest=sha256:88")):
            words = ["release", "register", "coding", version, state, "--by=ana", source]
            assert run([*words, f"--baseline={tmp_path / 'baseline.json'}"]) == 0
            wait_until(lambda v=version: known(v).get("registered_at"), within=60, what="the registration")
            assert run(["release", "activate", "coding", version, policy, state, "--by=ana"]) == 0
            wait_until(lambda v=version: known(v).get("status") == "active", within=60, what="the activation")
        assert run(["release", "known-good", "coding", "7", state, "--by=ana", "--reason=served a year"]) == 0
        let_act(tmp_path / "state")
        wait_until(lambda: known("7").get("smoke_at"), within=60, what="the golden set")
        capsys.readouterr()
        assert run(["release", "list", state]) == 0
        shown = capsys.readouterr().out
        assert "coding 7: known_good, fewer than 11 outcomes, known good since" in shown
        assert ": passed" in shown
        assert run(["release", "diff", "coding", "7", "8", state]) == 0
        assert "digest: sha256:" in capsys.readouterr().out
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time())
        controller.post(notification(alert(labels)))
        controller.wait_state("converging", "verifying", within=60)
        assert controller.pointer().version == "7"
        assert known("8")["quarantined"]
    finally:
        controller.process.stop()


@pytest.mark.parametrize("kind", ["quarantine", "known-good", "retire", "unquarantine"])
def test_an_order_about_a_version_nobody_knows_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    fill_ledger(tmp_path / "state", terms_of(tmp_path))
    call = ["release", kind, "coding", "99", f"--state={tmp_path / 'state'}", "--by=ana", "--reason=x"]
    assert run(call) == 2
    assert "no version 99 of coding" in capsys.readouterr().err
    if kind != "unquarantine":
        call[3] = "7"
        assert run(call) == 0


def test_a_declared_version_is_quarantined_before_anybody_registered_it() -> None:
    play = ledger(SERVING)
    assert said(play, OrderKind.QUARANTINE, "9") == "version.quarantined"
    assert said(play, OrderKind.QUARANTINE, "99") == "order.refused"
