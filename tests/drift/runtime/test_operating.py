"""`processor check`, the log, and the line of progress."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli import _processor_logs as logs
from otel_clinical.cli._frame import run
from otel_clinical.drift.runtime import Phase, preflight
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.policy import load_baseline, load_policy
from otel_clinical.semconv import metrics
from tests.drift import _wire
from tests.drift.runtime import _world
from tests.drift.runtime._harness import ROOT, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANY = [word for name in ("http", "grpc", "metrics") for word in (f"--{name}", "127.0.0.1:0")]


@pytest.fixture
def check(tmp_path: Path, policy_path: Path, capsys) -> Callable[..., tuple[int, str]]:
    def call(*words: str, policy: Path = policy_path) -> tuple[int, str]:
        files = ["--policy", str(policy), "--state", str(tmp_path / "state")]
        code = run(["processor", "check", *files, *ANY, *words])
        return code, capsys.readouterr().out

    return call


def fill(folder: Path, policy_path: Path) -> None:
    with closing(_world.open_pipeline(folder, of=load_policy(policy_path))) as pipeline:
        spans = _wire.traces([_wire.span(n, _wire.START + n) for n in range(50)])
        late = _wire.logs([_wire.outcome(n, _wire.START + n) for n in range(50)])
        last = _wire.logs([_wire.outcome(50, _wire.START + 500)])  # closes the slots of the others
        for signal, body in ((Signal.TRACES, spans), (Signal.LOGS, late), (Signal.LOGS, last)):
            work = _world.work(signal, body, _wire.START + 1000)
            pipeline.apply(pipeline.commit([work]), [work])
            pipeline.checkpoint()


class TestCheck:
    def test_nothing_is_there_yet_and_nothing_is_made(self, check, tmp_path: Path):
        code, out = check()
        assert code == 0, out
        assert all(line.startswith("ok") for line in out.splitlines())
        assert "the evidence begins with the first event" in out
        assert "models: coding" in out
        assert re.search(r"baseline of coding: hash sha256:[0-9a-f]{12}$", out, re.MULTILINE)
        assert list(tmp_path.iterdir()) == []

    def test_a_state_is_verified_and_counted_while_a_processor_runs_on_it(
        self, check, tmp_path: Path, policy_path: Path
    ):
        fill(tmp_path / "state", policy_path)
        code, out = check()
        assert (code, "3 requests, 101 events" in out) == (0, True)
        with closing(_world.open_pipeline(tmp_path / "state", of=load_policy(policy_path))):
            code, out = check()
        assert (code, "a processor runs on it" in out) == (0, True)

    def test_a_damaged_state_is_a_problem(self, check, tmp_path: Path, policy_path: Path):
        fill(tmp_path / "state", policy_path)
        with closing(sqlite3.connect(tmp_path / "state" / "state.db")) as connection:
            connection.execute("DELETE FROM state WHERE key = 'clock'")
            connection.commit()
        code, out = check()
        assert (code, "a row is missing, old or changed" in out) == (1, True)

    @pytest.mark.parametrize("gone", ["state.db", "all"])
    def test_a_state_that_is_gone_is_a_problem(self, check, tmp_path: Path, policy_path: Path, gone: str):
        fill(tmp_path / "state", policy_path)
        for file in list((tmp_path / "state").iterdir()):
            if file.name == gone or (gone == "all" and file.name != "state.mark"):
                file.unlink()
        code, out = check()
        assert (code, "was acknowledged" in out) == (1, True)

    def test_streams_that_would_begin_anew_are_named(self, check, tmp_path: Path, policy_path: Path):
        fill(tmp_path / "state", policy_path)
        (tmp_path / "baseline.json").write_bytes((policy_path.parent / "baseline.json").read_bytes())
        text = policy_path.read_text().replace("guard: 5%", "guard: 6%")
        (tmp_path / "policy.yaml").write_text(text)
        code, out = check(policy=tmp_path / "policy.yaml")
        assert code == 0, out
        assert "begins anew" in out

    def test_a_state_from_where_numbers_have_other_last_bits_is_named(self, check, tmp_path: Path, policy_path: Path):
        with running(tmp_path, policy_path) as processor:
            assert processor.stop() == 0
        with closing(sqlite3.connect(tmp_path / "state" / "state.db")) as connection:
            connection.execute("UPDATE meta SET value = 'another' WHERE name = 'arithmetic'")
            connection.commit()
        code, out = check()
        assert (code, "have other last bits" in out) == (0, True)
        for _ in range(2):  # it is said once: from then on the state is of this machine
            with running(tmp_path, policy_path) as processor:
                assert processor.stop() == 0
                assert processor.errors.read_text().count("last bits") == 1

    def test_a_taken_port_is_a_problem_and_so_is_an_open_door(self, check):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            code, out = check("--http", f"127.0.0.1:{taken.getsockname()[1]}")
        assert (code, "PROBLEM  --http" in out) == (1, True)
        code, out = check("--grpc", "0.0.0.0:0")
        assert (code, "no token is required" in out) == (1, True)

    def test_a_baseline_whose_time_has_passed_is_named(self, check, tmp_path: Path, policy_path: Path):
        known = load_baseline(policy_path.parent / "baseline.json")
        replace(known, since=1.0, until=2.0).save(tmp_path / "baseline.json")
        old = re.sub(r"baseline: \{file: baseline.json", r"\g<0>, maximum_age: 1d", policy_path.read_text())
        (tmp_path / "policy.yaml").write_text(old)
        code, out = check(policy=tmp_path / "policy.yaml")
        assert code == 0, out
        with running(tmp_path, tmp_path / "policy.yaml") as processor:
            key = metrics.BASELINE_END_TIME.prometheus, (("clinical_ai_model_name", "coding"),)
            assert processor.metrics()[key] == 86_402.0
        assert "the baseline of coding (kind fixed) ended on 1970-01-02: it is too old" in out

    def test_little_room_is_a_problem(self, check, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(preflight, "_FREE_BYTES", 2**62)
        code, out = check()
        assert (code, "make room" in out) == (1, True)

    def test_another_baseline_without_the_word_of_two_people_is_a_problem(
        self, check, tmp_path: Path, policy_path: Path
    ):
        fill(tmp_path / "state", policy_path)
        with closing(sqlite3.connect(tmp_path / "state" / "state.db")) as connection:
            connection.execute("INSERT INTO meta VALUES ('baseline/coding', 'another')")
            connection.commit()
        code, out = check()
        assert code == 1
        assert "PROBLEM  --state" in out


class TestLog:
    def line(self, **changes: object) -> dict[str, str]:
        record = logging.LogRecord("otel_clinical.x", logging.ERROR, "file", 1, "disk %s", ("full",), None)
        record.__dict__.update(changes)
        return json.loads(logs.JsonFormatter().format(record))

    def test_a_line_is_an_object(self):
        found = self.line(created=0.25)
        assert found == {
            "time": "1970-01-01T00:00:00.250+00:00",
            "level": "error",
            "logger": "otel_clinical.x",
            "message": "disk full",
        }

    def test_of_an_exception_only_its_type_is_told(self):
        error = ValueError("a name of a patient")
        found = self.line(exc_info=(type(error), error, None))
        assert found["error"] == "ValueError"
        assert "patient" not in json.dumps(found)

    def test_a_processor_logs_in_it(self, tmp_path: Path, policy_path: Path):
        with running(tmp_path, policy_path, "--log", "json") as processor:
            processor.limit_file_size(4096)
            assert processor.post("/v1/traces", _wire.traces([_wire.span(1, time.time())])).status == 503
            assert processor.stop() == 0
            found = [json.loads(line) for line in processor.errors.read_text().splitlines()]
        assert [line["level"] for line in found] == ["error"]
        assert "does not take writes" in found[0]["message"]


class Service:
    """What a processor looks like to whoever shows its progress."""

    phase = Phase.READY
    pending = 3
    replayed = (0, 0)
    total = 0

    def events(self) -> dict[str, int]:
        self.total += 500
        return {"inference": self.total, "outcome": 10}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestProgress:
    def test_a_terminal_shows_rate_and_totals_on_one_line(self):
        out = Terminal()
        progress = logs.Progress(Service(), out)
        progress.tick()
        progress.tick()
        progress.end()
        last = out.getvalue().split("\r")[-1]
        assert "ready: 1,010 events" in last
        assert "a second, 3 waiting" in last
        assert out.getvalue().count("\n") == 1

    def test_a_replay_says_how_far_it_is(self):
        out, service = Terminal(), Service()
        service.replayed = 120, 512
        logs.Progress(service, out).tick()
        assert "replaying the journal: 120 of 512 requests" in out.getvalue()

    def test_a_file_gets_nothing(self):
        out = io.StringIO()
        progress = logs.Progress(Service(), out)
        progress.tick()
        progress.end()
        assert out.getvalue() == ""


def test_the_unit_can_be_checked_before_it_is_started():
    assert "processor check" in (ROOT / "examples" / "systemd" / "otel-clinical-processor.service").read_text()
