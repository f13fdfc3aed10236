"""A drill on real processes: the alert through Alertmanager, the switch on a copy or on the pointer itself."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from otel_clinical.cli import _frame
from otel_clinical.rollback.confirm import instances_serving
from otel_clinical.rollback.prometheus import Prometheus
from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import stop_all, wait_until
from tests.rollback._controller import TOKEN
from tests.rollback._stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    stop_all(stack.started)
    stack.exposed.close()


@pytest.fixture
def practise(stack: Stack, capsys: pytest.CaptureFixture):
    """Run the command as an operator would; return its exit code and what it printed."""

    def run(*options: str) -> tuple[int, str]:
        where = ["--policy", str(stack.folder / "policy.yaml"), "--alertmanager", stack.alertmanager.url]
        where += ["--controller", stack.controller.url, "--token-file", str(stack.folder / "tokens")]
        code = _frame.run(["rollback", "drill", "coding", *where, "--by", "Ana", *options])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def test_shows_that_an_alert_arrives_and_that_the_version_can_be_switched(stack: Stack, practise) -> None:
    stack.start(stack.alertmanager, stack.controller.process)
    before = stack.controller.pointer()
    code, said = practise("--state", str(stack.folder / "state"), "--out", str(stack.folder / "report"))
    assert code == 0, said
    assert "passed in" in said
    assert stack.controller.pointer() == before
    assert stack.controller.incidents() == [], "nothing is decided in a drill"
    shown = httpx.get(f"{stack.controller.url}/metrics", trust_env=False).text
    assert f'{metrics.ROLLBACK_DRILL_TIME.prometheus}{{clinical_ai_model_name="coding"}}' in shown
    assert stack.controller.verify_audit() > 2
    report = next((stack.folder / "report").glob("*.json"))
    assert [stage["name"] for stage in json.loads(report.read_text())["stages"]] == [
        "alert accepted",
        "controller heard it through Alertmanager",
        "switch on a copy of the pointer",
    ]
    assert "**Passed.**" in report.with_suffix(".md").read_text()
    assert not list(stack.folder.glob("*DRILL*")), "no copy of the pointer is left"


def test_fails_when_the_controller_does_not_accept_alertmanagers_token(stack: Stack, practise) -> None:
    stack.start(stack.alertmanager, stack.controller.process)
    (stack.folder / "tokens").write_text("another-token-of-some-length\n" + TOKEN + "\n")
    _until_refused(stack)
    tree = stack.folder / "alert_rules" / "alertmanager.yaml"
    (stack.folder / "stale").write_text("a-token-that-was-replaced-long-ago")
    tree.write_text(tree.read_text().replace(str(stack.folder / "tokens"), str(stack.folder / "stale")))
    httpx.post(f"{stack.alertmanager.url}/-/reload", trust_env=False).raise_for_status()
    code, said = practise("--patience", "3", "--state", str(stack.folder / "state"))
    assert code == 1
    assert "did not hear the alert" in said
    shown = httpx.get(f"{stack.controller.url}/metrics", trust_env=False).text
    assert f"{metrics.ROLLBACK_DRILL_TIME.prometheus}{{" not in shown, "a drill that failed does not count"


def _until_refused(stack: Stack) -> None:
    """Wait until the controller has read its tokens anew."""
    deadline = time.monotonic() + 60
    headers = {"Authorization": "Bearer another-token-of-some-length"}
    while httpx.get(f"{stack.controller.url}/v1/incidents", headers=headers, trust_env=False).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_live_drill_waits_for_every_instance_and_switches_back(stack: Stack, practise) -> None:
    stack.exposed.serving("8")
    stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
    done = threading.Event()

    def serve() -> None:
        while not done.wait(0.1):
            stack.exposed.serving(stack.controller.pointer().version)

    service = threading.Thread(target=serve)
    service.start()
    try:
        _until_seen(stack)
        code, said = practise("--live", "--and-by", "Ben", "--prometheus", stack.prometheus.url, "--patience", "60")
    finally:
        done.set()
        service.join()
    assert code == 0, said
    pointer = stack.controller.pointer()
    assert (pointer.version, pointer.previous_version, pointer.activation) == ("8", "7", 4)
    assert "Ana and Ben" in pointer.updated_by


def test_a_live_drill_whose_instances_do_not_follow_fails_and_switches_back(stack: Stack, practise) -> None:
    stack.exposed.serving("8")
    stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
    _until_seen(stack)
    # Also the time in which the alert must arrive, which on a busy machine takes seconds.
    code, said = practise("--live", "--and-by", "Ben", "--prometheus", stack.prometheus.url, "--patience", "20")
    assert code == 1
    assert "not every instance serves 7: 1 on 8. The pointer was switched back: version 8" in said
    assert stack.controller.pointer().version == "8"


def test_a_live_drill_switches_nothing_while_nobody_could_see_whether_it_worked(stack: Stack, practise) -> None:
    stack.start(stack.alertmanager, stack.controller.process)
    before = stack.controller.pointer()
    code, said = practise("--live", "--and-by", "Ben", "--prometheus", "http://127.0.0.1:1", "--patience", "5")
    assert code == 1
    assert "Nothing was switched" in said
    assert stack.controller.pointer() == before


def _until_seen(stack: Stack) -> None:
    """Wait until Prometheus has scraped the service that serves."""
    prometheus = Prometheus(stack.prometheus.url)
    try:
        wait_until(lambda: instances_serving(prometheus, "coding"), within=60, what="a scrape", every=0.1)
    finally:
        prometheus.close()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--live", "--prometheus", "http://127.0.0.1:1"), "name two people"),
        (("--live", "--and-by", "Ana", "--prometheus", "http://127.0.0.1:1"), "name two people"),
        (("--live", "--and-by", " ana ", "--prometheus", "http://127.0.0.1:1"), "name two people"),
        (("--live", "--and-by", "Ben"), "say where Prometheus is"),
        (("--patience", "0"), "expected seconds above 0"),
    ],
)
def test_what_cannot_begin_says_why(practise, options, named) -> None:
    code, said = practise(*options)
    assert code == 2
    assert named in said


def test_an_alertmanager_that_is_not_there_is_named(stack: Stack, practise) -> None:
    stack.start(stack.controller.process)
    code, said = practise("--patience", "2")
    assert code == 1
    assert f"Alertmanager at {stack.alertmanager.url} does not take the alert (ConnectError)" in said


def test_a_dead_controller_is_named(practise) -> None:
    code, said = practise("--patience", "1")
    assert code == 1
    assert "is it running" in said
