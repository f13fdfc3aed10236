"""Real Prometheus, real Alertmanager, generated rules and routes, real controller: only the numbers are ours."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import (
    stop_all,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


from tests.rollback._stack import Stack

pytestmark = pytest.mark.stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    stop_all(stack.started)
    stack.exposed.close()


def test_a_bad_release_travels_from_gauge_to_rollback_and_back_to_health(stack: Stack) -> None:
    stack.exposed.serving("8")
    stack.exposed.evidence("8", 2, proof=0.0, drop=0.0, performance=0.92)
    stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
    began = time.monotonic()
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)
    stack.state("converging", "verifying")
    seconds = time.monotonic() - began
    assert stack.controller.pointer().version == "7"
    stack.exposed.serving("7")
    stack.exposed.evidence("7", 3, proof=0.0, drop=0.0, performance=0.92)
    incident = stack.state("rolled_back")
    found = {report["guard"]: report["result"] for report in incident["guards"]}
    assert found.pop("counterfactual") == "not_compared", "no earlier version runs beside the serving one"
    assert set(found.values()) == {"pass"}
    assert (stack.controller.pointer().epoch, stack.controller.pointer().activation) == (3, 3)
    assert stack.controller.verify_audit() > 5
    assert seconds < 20, "the goal from proof to previous version with scrape and evaluation of 1 s"
    heard = httpx.get(f"{stack.controller.url}/metrics", trust_env=False).text
    assert metrics.ROLLBACK_HEARTBEAT_TIME.prometheus in heard, "the watchdog's heartbeat arrives as well"


def test_a_pair_that_dropped_is_given_the_previous_version_and_nobody_else_is(tmp_path: Path) -> None:
    name, value = "payer,department", "medicaid,cardiology"
    stack = Stack(tmp_path, pair=(name, value))
    place = {"segment_name": name, "segment_value": value}
    try:
        stack.exposed.serving("8")
        stack.exposed.evidence("8", 2, proof=0.0, drop=0.0, performance=0.92)
        stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69, place=place)
        stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
        incident = stack.state("converging", "verifying")
        assert name in json.dumps(incident)
        assert value in json.dumps(incident)
        pointer = stack.controller.pointer()
        assert pointer.version == "8"
        assert pointer.resolve({"payer": "medicaid", "department": "cardiology"}).version == "7"
        assert pointer.resolve({"payer": "medicaid", "department": "surgery"}).version == "8"
        assert stack.controller.verify_audit() > 3
    finally:
        stop_all(stack.started)
        stack.exposed.close()


def test_an_alert_that_fired_while_the_controller_was_dead_is_acted_on_when_it_lives(stack: Stack) -> None:
    stack.exposed.serving("8")
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)
    # No Alertmanager at all: every notification is lost.
    stack.start(stack.prometheus)
    alert = "ClinicalAIPerformanceDropRollback"
    wait_until(lambda: stack.firing(alert), within=20, what="the alert to fire", every=0.2)
    stack.start(stack.controller.process)
    stack.state("converging", "verifying")
    assert stack.controller.pointer().version == "7"


def test_a_processor_that_falls_silent_stops_every_automatic_decision(stack: Stack) -> None:
    stack.exposed.serving("8")
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)
    stack.exposed.put(metrics.PROCESSOR_EVENT_TIME, time.time() - 3600)
    stack.start(stack.prometheus, stack.alertmanager, stack.controller.process)
    incident = wait_until(
        lambda: next((i for i in stack.controller.incidents() if i["state"] == "inconclusive"), None),
        within=30,
        what="an inconclusive incident",
        every=0.2,
    )
    assert "telemetry" in incident["reason"]
    assert stack.controller.pointer().version == "8"
