"""`otel-clinical rollback readiness` and `judge` on a state directory."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli import _frame
from otel_clinical.rollback.ledger import Release, ReleaseStatus
from otel_clinical.rollback.readiness import DAY
from otel_clinical.rollback.store import Store
from tests.rollback._controller import write_policy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    store = Store(tmp_path / "state")
    now = time.time()
    store.note("controller.started", "controller", {"mode": {"coding": "observe"}}, now - 20 * DAY)
    store.watch("coding", now - 20 * DAY)
    store._connection.execute("UPDATE watched SET until = ?", (now,))
    store.note("drill.passed", "coding", {}, now - DAY)
    store.close()
    return tmp_path / "state"


@pytest.fixture
def rollback(tmp_path: Path, capsys: pytest.CaptureFixture):
    policy = write_policy(tmp_path, mode="observe")

    def run(*arguments: str, policy_too: bool = True) -> tuple[int, str]:
        code = _frame.run(["rollback", *arguments, *(["--policy", str(policy)] if policy_too else [])])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_says_what_is_shown_and_what_is_missing(state: Path, rollback) -> None:
    code, said = rollback("readiness", "--state", str(state))
    assert code == 1
    assert "coding (mode observe): not ready" in said
    assert "ok  watched for 14 days without acting: 20.0 days" in said
    assert "ok  no false decision while it watched: it decided nothing" in said
    assert "ok  a drill passed within 45 days: 1.0 days ago" in said
    assert "no  another version is known good: none" in said
    assert "otel-clinical release known-good" in said


def test_is_ready_once_somebody_vouches_for_another_version(state: Path, rollback) -> None:
    known = Release("7", ReleaseStatus.KNOWN_GOOD, good_since=time.time() - DAY, good_by="Ana")
    store = Store(state)
    store._connection.execute("INSERT INTO releases VALUES (?, ?, ?)", ("coding", "7", json.dumps(asdict(known))))
    store.close()
    code, said = rollback("readiness", "--state", str(state))
    assert (code, "coding (mode observe): ready" in said) == (0, True), said


def test_judging_an_incident_that_is_not_known_says_so(state: Path, rollback) -> None:
    arguments = ("judge", "INC-1", "--right", "--by", "Ana", "--reason", "x", "--state", str(state))
    code, said = rollback(*arguments, policy_too=False)
    assert code == 2
    assert "knows no incident INC-1" in said
