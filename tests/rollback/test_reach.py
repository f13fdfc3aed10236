"""A controller that cannot read Prometheus says so: in its log, in /readyz, and says when that is over."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from otel_clinical.rollback.reach import Reach
from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, notification, samples, terms_of, value

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

NOWHERE = "http://127.0.0.1:9"
READ = metrics.ROLLBACK_CONFIRMATION_TIME.prometheus
LOGGER = "otel_clinical.rollback.reach"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def readiness(controller: Controller) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{controller.url}/readyz", trust_env=False, timeout=10)
    return answer.status_code, answer.json()


def log_of(controller: Controller) -> str:
    return (controller.folder / "controller.log").read_text()


def test_every_change_is_logged_once_with_address_and_consequence(caplog: pytest.LogCaptureFixture) -> None:
    reach = Reach("http://prometheus:9090", Clock())
    with caplog.at_level(logging.WARNING, LOGGER):
        for _ in range(3):
            reach.failed("ConnectError")
        for _ in range(3):
            reach.answered()
        reach.failed("ReadTimeout")
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "ERROR"]
    failed, again, _ = (record.getMessage() for record in caplog.records)
    for words in ("http://prometheus:9090", "ConnectError", "nothing will be done; check --prometheus"):
        assert words in failed
    assert "answers again" in again


def test_a_first_answer_that_comes_at_once_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        Reach("http://prometheus:9090", Clock()).answered()
    assert not caplog.records


def test_it_is_a_problem_until_the_first_answer_and_after_a_silence_longer_than_patience() -> None:
    clock = Clock()
    reach = Reach("http://prometheus:9090", clock)
    assert "not read yet (not asked yet)" in (reach.problem(45.0) or "")
    reach.failed("ConnectError")
    assert "not read yet (ConnectError)" in (reach.problem(45.0) or "")
    reach.answered()
    clock.now += 3600
    assert reach.problem(45.0) is None, "nobody asked, nobody failed to answer"
    reach.answered()
    reach.failed("ConnectError")
    clock.now += 45
    assert reach.problem(45.0) is None
    clock.now += 1
    assert "cannot be read for 46 s (ConnectError)" in (reach.problem(45.0) or "")
    reach.answered()
    assert reach.problem(45.0) is None


def test_a_controller_without_prometheus_is_not_ready_hears_alerts_and_says_why(tmp_path: Path, terms: Terms) -> None:
    controller = Controller(terms.pointer.parent, NOWHERE.replace("//", "//someone:secret@"), ("--pull=0.1",))
    controller.start()
    try:
        wait_until(lambda: "check --prometheus" in log_of(controller), within=10, what="an error in the log")
        code, body = readiness(controller)
        assert (code, body["ready"]) == (503, False)
        assert f"Prometheus at {NOWHERE} was not read yet" in body["reason"]
        assert controller.post(notification()).status_code == 202
        assert READ not in {name for name, _ in samples(controller)}
    finally:
        controller.process.stop()
    assert log_of(controller).count("check --prometheus") == 1
    assert "secret" not in log_of(controller)
    assert tmp_path == controller.folder


def test_readiness_follows_prometheus_and_the_log_tells_both_turns(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    del terms
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.1",))
    controller.start()
    try:
        wait_until(lambda: readiness(controller) == (200, {"ready": True}), within=10, what="ready")
        before = value(controller, READ)
        assert before == pytest.approx(time.time(), abs=30)
        prometheus.up = False
        wait_until(lambda: readiness(controller)[0] == 503, within=10, what="not ready")
        assert "cannot be read" in readiness(controller)[1]["reason"]
        prometheus.up = True
        wait_until(lambda: readiness(controller)[0] == 200, within=10, what="ready again")
        assert value(controller, READ) > before
        assert log_of(controller).count("check --prometheus") == 1
        assert log_of(controller).count("answers again") == 1
    finally:
        controller.process.stop()


def test_a_missing_pointer_is_logged_once_with_the_command_that_makes_it(
    prometheus: FakePrometheus, tmp_path: Path
) -> None:
    terms_of(tmp_path)
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.1",))
    controller.start()
    try:
        wait_until(lambda: len(prometheus.queries) > 10, within=10, what="some pulls")
        assert log_of(controller).count("otel-clinical rollback activate") == 1
    finally:
        controller.process.stop()


def test_the_ready_line_says_where_it_listens_what_it_reads_and_what_it_may_do(controller: Controller) -> None:
    def line() -> dict[str, Any] | None:
        return next((json.loads(text) for text in log_of(controller).splitlines() if text.startswith("{")), None)

    said = wait_until(line, within=10, what="the ready line")
    assert said["event"] == "ready"
    assert said["http"] == controller.url.removeprefix("http://")
    assert said["prometheus"] == controller.prometheus
    assert said["modes"] == {"coding": "enforce"}
