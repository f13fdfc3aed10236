"""An alert that begins and ends while nobody listens is found afterwards, told to people, and never acted on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, alert, notification
from tests.rollback._prometheus import degraded, processor

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

OPTIONS = ("--pull=0.2", "--retry=0.2", "--watch=0.1")


@pytest.fixture
def stopped(terms: Terms, tmp_path: Path, prometheus: FakePrometheus) -> Controller:
    """A controller that has run, heard nothing and ended."""
    del terms
    processor(prometheus)
    controller = Controller(tmp_path, prometheus.url, OPTIONS)
    controller.start()
    controller.process.kill()
    return controller


def fire_and_end(prometheus: FakePrometheus, terms: Terms) -> dict[str, str]:
    labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
    prometheus.end("ALERTS")
    return labels


def test_an_alert_that_fired_and_ended_while_the_controller_was_dead_is_left_to_people(
    stopped: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    fire_and_end(prometheus, terms)
    stopped.start()
    try:
        incident = stopped.wait_state("inconclusive", within=60)
        assert "confirmation" in incident["reason"]
        details = stopped.get(f"/v1/incidents/{incident['id']}")
        assert details["events"][0]["data"]["pulled"] is True
        assert details["intents"] == []
        assert (stopped.pointer().version, stopped.pointer().epoch) == ("8", 2)
        # It is found once: what is known by then is not taken up again at the next start.
        stopped.process.kill()
        stopped.start()
        stopped.verify_audit()
        pulls = len(prometheus.queries)
        wait_until(lambda: len(prometheus.queries) > pulls + 20, within=60, what="more pulls")
        (again,) = stopped.get(f"/v1/incidents/{incident['id']}")["events"][:1]
        assert (again["action"], len(stopped.incidents())) == ("incident.opened", 1)
    finally:
        stopped.process.stop()


def test_what_ended_earlier_and_is_no_matter_now_calls_nobody(
    stopped: Controller, prometheus: FakePrometheus, terms: Terms
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30, version="7")
    prometheus.end("ALERTS")
    stopped.start()
    try:
        wait_until(lambda: any("max_over_time" in query for query in prometheus.queries), within=60, what="a question")
        asked = len(prometheus.queries)
        wait_until(lambda: len(prometheus.queries) > asked + 20, within=60, what="more pulls")
        assert stopped.incidents() == []
        window = next(query for query in prometheus.queries if "max_over_time" in query)
        since = time.time() - int(window.rpartition("[")[2].partition("s]")[0])
        assert since >= stopped.pointer().activated_at - 1, "of an earlier activation nothing is asked"
    finally:
        stopped.process.stop()


def test_prometheus_that_was_away_is_asked_what_ended_meanwhile(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    processor(prometheus)
    controller = Controller(tmp_path, prometheus.url, OPTIONS)
    controller.start()
    try:
        prometheus.up = False
        asked = len(prometheus.queries)
        controller.post(notification(alert({"tier": "none"})))
        fire_and_end(prometheus, terms)
        wait_until(lambda: len(prometheus.queries) > asked, within=60, what="a question that is not answered")
        prometheus.up = True
        controller.wait_state("inconclusive", within=60)
        assert controller.pointer().version == "8"
    finally:
        controller.process.stop()


def test_an_end_of_which_prometheus_knows_nothing_holds_a_rollback_up_for_one_pull_at_most(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    """As where another group of Alertmanager ends while the alert still fires."""
    controller = Controller(tmp_path, prometheus.url, ("--pull=2", "--retry=5", "--watch=0.1"))
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        controller.post(notification(alert(labels)))
        controller.post(notification(alert(labels, status="resolved")))
        controller.wait_state("converging", "verifying", "rolled_back", within=60)
        actions = [event["action"] for event in controller.get("/v1/audit")["events"]]
        assert {"alert.resolved", "alert.fires"} <= set(actions)
    finally:
        controller.process.stop()
