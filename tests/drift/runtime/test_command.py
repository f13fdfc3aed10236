"""`otel-clinical processor`: start, stop, status, and mistakes in one sentence."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from otel_clinical.cli._frame import run
from otel_clinical.drift.runtime.status import of_families
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._harness import LOGS, ROOT, TRACES, running, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.drift.runtime._harness import Processor


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "otel_clinical.cli", "processor", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
        env={"COLUMNS": "60", "PATH": ""},
    )


def feed(processor: Processor, count: int = 200) -> None:
    start = time.time() - 120
    numbers = range(count)
    send(processor, TRACES, _wire.traces(_wire.span(n, start + n * 0.01) for n in numbers))
    send(processor, LOGS, _wire.logs(_wire.outcome(n, start + n * 0.01, result="incorrect") for n in numbers))
    send(processor, LOGS, _wire.logs([_wire.outcome(count, start + 60)]))  # moves the watermark past the others
    processor.settle()


def test_it_says_where_it_listens_and_stops_cleanly(tmp_path: Path, policy_path: Path):
    with running(tmp_path, policy_path) as processor:
        ready = processor.where
        assert ready["event"] == "ready"
        assert {ready[name].rpartition(":")[0] for name in ("http", "grpc", "metrics")} == {"127.0.0.1"}
        assert len({ready[name] for name in ("http", "grpc", "metrics")}) == 3
        assert processor.get("/readyz").status == processor.get("/readyz", "http").status == 200
        assert processor.stop() == 0
        assert processor.lines()[-1]["event"] == "stopped"
        assert processor.lines()[-1]["saved"] is True
        assert processor.errors.read_text() == ""


def test_a_stop_in_the_middle_of_requests_keeps_every_acknowledged_one(tmp_path: Path, policy_path: Path):
    with running(tmp_path, policy_path) as processor:
        acknowledged = 0
        processor.process.terminate()
        for number in range(1000):
            try:
                answer = processor.post(TRACES, _wire.traces([_wire.span(number, time.time())]))
            except OSError:
                break
            assert answer.status in {200, 503}
            acknowledged += answer.status == 200
        assert processor.process.wait(60) == 0
        processor.start()
        found = processor.counter("clinical_ai_processor_events_total").get("inference", 0)
        assert found == acknowledged


def test_status_shows_the_same_from_the_page_and_from_the_directory(tmp_path: Path, policy_path: Path):
    with running(tmp_path, policy_path) as processor:
        feed(processor)
        url = f"http://{processor.where['metrics']}/metrics"
        from_page = command("status", "--url", url)
        running_state = command("status", "--state", str(processor.state), "--policy", str(policy_path))
        assert processor.stop() == 0
        stopped_state = command("status", "--state", str(processor.state), "--policy", str(policy_path))
    assert from_page.returncode == 0, from_page.stderr
    assert from_page.stdout == running_state.stdout == stopped_state.stdout
    line = next(each for each in from_page.stdout.splitlines() if "payer=medicare " in each)
    assert line.split()[:2] == ["coding", "7"]
    assert line.split()[4:] == ["0.0%", "100.0%", "198", "engineering_review,", "governance_review,", "rollback"]
    assert "inference 200, outcome 201" in from_page.stdout
    assert "waiting     " in from_page.stdout
    assert "journal     0 requests" in from_page.stdout


def test_status_in_a_pipe_keeps_each_row_on_one_line(tmp_path: Path, policy_path: Path):
    with running(tmp_path, policy_path) as processor:
        feed(processor)
        found = command("status", "--state", str(processor.state), "--policy", str(policy_path)).stdout.splitlines()
    rows = [line for line in found if line.startswith(" coding ")]
    assert len([line for line in rows if "=" in line]) == len(rows) - 1 > 0
    assert (
        "labels: mature outcomes since the estimated change; - while there is no change, or no mature outcome" in found
    )


def test_status_of_an_empty_processor_says_so(processor: Processor):
    page = processor.get("/metrics").body.decode()
    assert of_families(text_string_to_metric_families(page)).streams == ()
    shown = command("status", "--url", f"http://{processor.where['metrics']}/metrics")
    assert "no outcome has been received yet" in shown.stdout


class Mistake:
    """Run the command line in this process and require one sentence."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str, says: tuple[str, ...]) -> None:
        assert run(["processor", *words]) == 2
        said = self._capsys.readouterr()
        assert said.out == ""
        assert len(said.err.strip().splitlines()) == 1
        for word in says:
            assert word in said.err


@pytest.fixture
def mistake(capsys: pytest.CaptureFixture[str]) -> Mistake:
    return Mistake(capsys)


def options(folder: Path, policy: Path, **changes: str) -> list[str]:
    places = {"http": "127.0.0.1:0", "grpc": "127.0.0.1:0", "metrics": "127.0.0.1:0", "policy": str(policy)}
    chosen = places | {"state": str(folder / "state")} | changes
    return ["run", *(word for name, value in chosen.items() for word in (f"--{name}", value))]


class TestMistakes:
    @pytest.mark.parametrize("listener", ["http", "grpc", "metrics"])
    def test_a_taken_port(self, mistake: Mistake, tmp_path: Path, policy_path: Path, listener: str):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            chosen = options(tmp_path, policy_path, **{listener: where})
            mistake(*chosen, says=(where, "cannot be listened on", "choose another port"))

    @pytest.mark.parametrize("listener", ["http", "grpc", "metrics"])
    def test_no_address(self, mistake: Mistake, tmp_path: Path, policy_path: Path, listener: str):
        mistake(*options(tmp_path, policy_path, **{listener: "4318"}), says=("HOST:PORT",))

    @pytest.mark.parametrize("listener", ["http", "grpc", "metrics"])
    def test_an_open_address_without_a_token(self, mistake: Mistake, tmp_path: Path, policy_path: Path, listener: str):
        mistake(*options(tmp_path, policy_path, **{listener: "0.0.0.0:0"}), says=("--token-file", "--insecure"))
        assert not (tmp_path / "state").exists()

    def test_an_open_address_with_a_token_and_no_tls(self, mistake: Mistake, tmp_path: Path, policy_path: Path):
        (tmp_path / "tokens").write_text("t" * 20 + "\n")
        (tmp_path / "tokens").chmod(0o600)
        chosen = [*options(tmp_path, policy_path, http="0.0.0.0:0"), f"--token-file={tmp_path / 'tokens'}"]
        mistake(*chosen, says=("--tls-cert", "--insecure"))

    def test_a_state_directory_in_use(self, mistake: Mistake, processor: Processor, tmp_path: Path, policy_path: Path):
        chosen = options(tmp_path, policy_path, state=str(processor.state))
        mistake(*chosen, says=(f"pid {processor.where['pid']}", "--state"))

    def test_half_a_certificate(self, mistake: Mistake, tmp_path: Path, policy_path: Path):
        mistake(*options(tmp_path, policy_path, **{"tls-cert": str(tmp_path / "x.pem")}), says=("--tls-key",))

    def test_a_token_file_without_a_token(self, mistake: Mistake, tmp_path: Path, policy_path: Path):
        (tmp_path / "tokens").write_text("")
        mistake(*options(tmp_path, policy_path, **{"token-file": str(tmp_path / "tokens")}), says=("0 tokens",))

    def test_status_of_nothing(self, mistake: Mistake, tmp_path: Path, policy_path: Path):
        mistake("status", says=("--url", "--state"))
        mistake("status", "--state", str(tmp_path), "--policy", str(policy_path), says=("state.db",))
        mistake("status", "--url", "ftp://x", says=("http",))
        mistake("status", "--url", "http://127.0.0.1:1/metrics", says=("cannot be read", "refused", "/metrics"))

    def test_status_of_the_page_of_an_inference_service(self, mistake: Mistake, policy_path: Path):
        """It must not read like a processor that received nothing."""
        server, thread = start_http_server(0, addr="127.0.0.1", registry=CollectorRegistry())
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
            mistake("status", "--url", url, says=(url, "not that of a drift processor", "processor run"))
            mistake("explain", "all", "--policy", str(policy_path), "--url", url, says=("not that of a drift",))
        finally:
            server.shutdown()
            server.server_close()
            thread.join(60)


def test_a_damaged_state_is_one_sentence_at_the_start(tmp_path: Path, policy_path: Path):
    with running(tmp_path, policy_path) as processor:
        feed(processor, 10)
        assert processor.stop() == 0
        connection = sqlite3.connect(processor.state / "state.db")
        with connection:
            connection.execute("UPDATE state SET blob = x'00112233'")
        connection.close()
        processor.launch()
        wait_until(lambda: not processor.alive, within=60, what="the process to give up")
        assert processor.process.returncode == 2
        assert "a row is missing, old or changed" in processor.errors.read_text()
        assert "Traceback" not in processor.errors.read_text()


def test_explain_says_what_each_tier_still_asks_for(tmp_path: Path, policy_path: Path):
    with running(tmp_path, policy_path) as processor:
        feed(processor)
        state = str(processor.state)
        found = command("explain", "all", "--policy", str(policy_path), "--state", state)
        assert (found.returncode, found.stderr) == (0, "")
        assert "baseline" in found.stdout
        assert "rollback: REACHED" in found.stdout
        page = command(
            "explain", "all", "--policy", str(policy_path), "--url", f"http://{processor.where['metrics']}/metrics"
        )
        assert page.stdout == found.stdout
        missing = command("explain", "payer=nobody", "--policy", str(policy_path), "--state", state)
        assert missing.returncode == 2
        assert "nothing is known of 'payer=nobody'" in missing.stderr
        assert "; segments: all" in missing.stderr
        unsaid = command("explain", "all", "--policy", str(policy_path))
        assert unsaid.returncode == 2
        assert "either --url" in unsaid.stderr


def test_a_backup_of_a_running_processor_can_be_restored_in_its_place(tmp_path: Path, policy_path: Path):
    state, copy = tmp_path / "run" / "state", tmp_path / "copy.db"
    with running(tmp_path / "run", policy_path) as processor:
        feed(processor)
        made = command("backup", "--state", str(state), str(copy))
        assert (made.returncode, made.stderr) == (0, "")
        assert "3 requests, 401 events" in made.stdout
        refused = command("restore", "--state", str(state), str(copy))
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "another processor" in refused.stderr
        assert processor.stop() == 0
        before = processor.states()
        put_back = command("restore", "--state", str(state), str(copy))
        assert put_back.returncode == 0, put_back.stderr
        assert "replaced-" in put_back.stdout
        processor.start()
        assert processor.stop() == 0
        assert processor.states() == before
