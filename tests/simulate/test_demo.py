"""The demonstration with real processes: from a decorated function to an executed rollback."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks._rollback_stages import shares
from benchmarks._rollback_whole import Probe, marks
from otel_clinical.cli.demo import command
from otel_clinical.generate.dashboards import oncall, queries
from otel_clinical.policy import load_policy
from otel_clinical.simulate.demo import run_demo
from otel_clinical.simulate.stack import wait_until

pytestmark = pytest.mark.stack

ACTS = ["calm", "flu surge", "payer rule", "EHR module", "bad release"]
PATIENT = b"Synthetic Patient"


def descendants(root):
    """Return the process ids below ``root``, nearest first."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [root]
    for parent in found:
        found += [pid for pid, of in parents.items() if of == parent]
    return found[1:]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Play the whole demonstration once, and ask Prometheus every question of the dashboard while it still runs."""
    answers, probes = {}, []

    @contextmanager
    def watched(stack):
        with closing(Probe(stack)) as probe:
            probe.start()
            probes.append(probe)
            yield

    def ask(stack, observer):
        dashboard = json.loads(json.dumps(oncall(load_policy(stack.layout.policy))))
        for title, expression in queries(dashboard):
            answers[title, expression] = observer.query(expression)
        (probe,) = probes
        probes[0] = (probe.problem, marks(probe, observer, stack.layout.pointer))

    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("demo")))
        outcome = run_demo(Console(file=text, width=200), fast=True, keep=True, seed=11, during=watched, after=ask)
    return outcome, answers, text.getvalue(), probes[0]


def test_every_act_is_ok(played):
    outcome, _, text, _ = played
    assert [result.act for result in outcome.results] == ACTS
    assert outcome.ok, text


def test_the_bad_version_served_for_seconds(played):
    outcome, *_ = played
    assert 0 < outcome.switch_seconds < 60


def test_every_stage_of_the_rollback_was_seen_and_they_add_up_to_the_whole(played):
    outcome, *_, (problem, seen) = played
    assert problem == ""
    assert all(share >= 0 for share in shares(seen))
    # Prometheus shows both ends late, by up to a scrape each; the probe asks the services themselves.
    assert sum(shares(seen)) == pytest.approx(outcome.switch_seconds, abs=5)


def test_the_machine_readable_result_holds_every_act(played, tmp_path):
    outcome, *_ = played
    outcome.write(tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    assert [act["act"] for act in content["acts"]] == ACTS
    for act in content["acts"]:
        assert {"act", "expected", "observed", "ok", "seconds"} <= act.keys()
    assert content["acts"][-1]["first_bad_inference_to_previous_version_s"] == outcome.switch_seconds


def test_the_incident_report_names_what_guards_and_the_head_of_the_audit(played):
    outcome, *_ = played
    page = outcome.report.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "otel_clinical.cli", "audit", "verify", "--state", outcome.folder / "controller"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "coding 8" in page
    assert "Audit" in page
    assert done.stdout


def test_every_query_of_the_dashboard_returns_data(played):
    _, answers, *_ = played
    assert answers
    assert [question for question, answer in answers.items() if not answer] == []


def test_no_patient_name_is_left_anywhere(played):
    """Every encounter carries one; no log, database, metric, report or configuration may hold one."""
    outcome, *_ = played
    files = [path for path in outcome.folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if PATIENT in path.read_bytes()] == []


def test_a_console_that_is_no_terminal_gets_plain_lines(played):
    _, _, text, _ = played
    assert "\x1b" not in text
    assert "What happened" in text


@pytest.fixture
def running(tmp_path):
    """Start the demonstration as a person does, and wait until its first act."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    command_line = [sys.executable, "-m", "otel_clinical.cli", "demo", "--fast"]
    log = tmp_path / "demo.log"
    # What runs in the background of a shell has SIGINT ignored, and its children inherit that; a person's has not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with log.open("wb") as out:
            demo = subprocess.Popen(command_line, stdout=out, stderr=out, env=environment, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        wait_until(lambda: b"Calm: nothing" in log.read_bytes() or demo.poll(), within=120, what="the first act")
        assert demo.poll() is None, log.read_text()
        yield demo, log
    finally:
        if demo.poll() is None:
            demo.kill()
        demo.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demonstration_that_is_ended_leaves_no_process(running, alive, number):
    demo, log = running
    children = descendants(demo.pid)
    assert len(children) >= 6
    demo.send_signal(number)
    code = demo.wait(timeout=180)
    wait_until(lambda: not any(map(alive, children)), within=20, what="all processes to end")
    if number == signal.SIGINT:
        assert code == 130, log.read_text()
        assert "Traceback" not in log.read_text()
        assert not list(log.parent.glob("otel-clinical-demo-*"))


def test_a_result_file_that_cannot_be_written_is_refused_before_anything_starts(tmp_path):
    from click.testing import CliRunner  # noqa: PLC0415 -- only here

    done = CliRunner().invoke(command, ["--json", str(tmp_path / "nowhere" / "out.json")])
    assert done.exit_code == 2
    assert "the folder does not exist" in done.output
