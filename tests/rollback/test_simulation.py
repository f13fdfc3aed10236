"""What the controller would do is said by its own path, and changes nothing."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import activate_version
from otel_clinical.semconv import metrics
from tests.rollback._controller import Controller, alert, notification, terms_of
from tests.rollback._prometheus import degraded

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

HOUR = 3_600.0


@pytest.fixture
def aged(tmp_path: Path) -> Terms:
    """Version 8 active for two hours after 7, with the ledger of a controller that has stopped."""
    terms = terms_of(tmp_path)
    for version, age in (("7", 90_000.0), ("8", 2 * HOUR)):
        activate_version(terms, version, by="tests", at=time.time() - age)
    return terms


def simulate(folder: Path, prometheus: FakePrometheus, *more: str) -> int:
    words = ["rollback", "simulate", f"--policy={folder / 'policy.yaml'}", f"--payload={folder / 'payload.json'}"]
    return run([*words, f"--prometheus={prometheus.url}", *more])


def seen(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*folder.glob("*.json"), *folder.glob("state/*.sqlite")]}


@pytest.mark.parametrize("when", ["now", "an hour ago"])
def test_a_proved_drop_would_be_rolled_back_and_nothing_is_changed(
    prometheus: FakePrometheus, aged: Terms, tmp_path: Path, capsys: pytest.CaptureFixture[str], when: str
) -> None:
    past = HOUR if when == "an hour ago" else 0.0
    controller = Controller(tmp_path, prometheus.url)
    controller.start()  # so that the ledger is taken up
    controller.process.stop(60)
    labels = degraded(prometheus, baseline=aged.baseline_hash, change_point=time.time() - past - 600)
    (tmp_path / "payload.json").write_bytes(notification(alert(labels, starts_at=time.time() - past - 60)))
    before = seen(tmp_path)
    moment = datetime.fromtimestamp(time.time() - past, UTC).isoformat()
    more = [f"--state={tmp_path / 'state'}", *([f"--at={moment}"] if past else [])]
    assert simulate(tmp_path, prometheus, *more) == 0
    said = capsys.readouterr().out
    assert "decision: rollback" in said, said
    assert "the policy's mode is enforce" in said
    assert "not compared" in said
    assert seen(tmp_path) == before
    assert controller.pointer().version == "8"


def test_a_doubt_is_named_with_its_guard_and_without_state_there_is_no_way_back(
    prometheus: FakePrometheus, aged: Terms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = degraded(prometheus, baseline="sha256:" + "0" * 64, change_point=time.time() - 600)
    (tmp_path / "payload.json").write_bytes(notification(alert(labels)))
    assert simulate(tmp_path, prometheus) == 0
    said = capsys.readouterr().out
    assert "decision: inconclusive" in said
    assert "fail         baseline" in said
    prometheus.drop(metrics.BASELINE_STATUS.prometheus)
    degraded(prometheus, baseline=aged.baseline_hash, change_point=time.time() - 600)
    assert simulate(tmp_path, prometheus) == 0
    assert "decision: refused" in capsys.readouterr().out, "nobody has vouched for a version that could be gone back to"


@pytest.mark.parametrize(
    ("payload", "more", "named"),
    [
        (b"[]", (), "payload.json: expected an object"),
        (json.dumps({"alerts": []}).encode(), ("--at=yesterday",), "--at yesterday"),
        (json.dumps({"alerts": []}).encode(), ("--at=2999-01-01T00:00:00Z",), "in the future"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(
    prometheus: FakePrometheus,
    aged: Terms,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    payload: bytes,
    more: tuple[str, ...],
    named: str,
) -> None:
    assert aged
    (tmp_path / "payload.json").write_bytes(payload)
    assert simulate(tmp_path, prometheus, *more) == 2
    assert named in capsys.readouterr().err
