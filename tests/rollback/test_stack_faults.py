"""What goes wrong around the controller never makes it act twice, act blindly, or believe that all is well."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import ManagedProcess, free_ports, stop_all, wait_until
from tests.rollback._stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.controller.options = ("--pull=1", "--retry=0.5", "--watch=0.2")
    stack.exposed.serving("8")
    yield stack
    stop_all(stack.started)
    stack.exposed.close()


def start_controller(stack: Stack) -> None:
    stack.controller.start()
    stack.started.append(stack.controller.process)


def degrade(stack: Stack) -> None:
    stack.exposed.evidence("8", 2, proof=50.0, drop=0.25, performance=0.69)


def now(seconds: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_silence_in_alertmanager_does_not_disarm_the_controller(stack: Stack) -> None:
    stack.start(stack.prometheus, stack.alertmanager)
    silence = {
        "matchers": [{"name": "tier", "value": "rollback", "isRegex": False, "isEqual": True}],
        "startsAt": now(-1),
        "endsAt": now(3600),
        "createdBy": "tests",
        "comment": "maintenance",
    }
    url = f"{stack.alertmanager.url}/api/v2/silences"
    httpx.post(url, json=silence, trust_env=False).raise_for_status()
    start_controller(stack)
    degrade(stack)
    incident = stack.state("converging", "verifying", within=60)
    assert stack.controller.pointer().version == "7"
    opened = stack.controller.get(f"/v1/incidents/{incident['id']}")["events"][0]
    assert (opened["action"], opened["data"]["pulled"]) == ("incident.opened", True)


def test_kills_all_around_leave_an_open_question_open_and_nothing_flips(stack: Stack) -> None:
    degrade(stack)
    stack.exposed.put(metrics.PROCESSOR_EVENT_TIME, time.time() - 3600)
    stack.start(stack.prometheus, stack.alertmanager)
    start_controller(stack)

    def incident() -> dict[str, object]:
        (only,) = stack.controller.incidents()
        return only

    wait_until(lambda: [i for i in stack.controller.incidents() if i["state"] == "inconclusive"], within=60, what="it")
    stack.prometheus.kill()
    wait_until(lambda: "Prometheus does not answer" in str(incident()["reason"]), within=60, what="blindness")
    stack.alertmanager.kill()
    stack.start(stack.alertmanager, stack.prometheus)
    wait_until(lambda: "telemetry" in str(incident()["reason"]), within=60, what="sight again")
    # The exporter dies, and with it everything that spoke for or against a change.
    stack.exposed.close()
    wait_until(stack.down, within=60, what="Prometheus to miss the exporter", every=0.2)
    looked = incident()["attempts"]
    wait_until(lambda: incident()["attempts"] != looked or not stack.firing_still(), within=60, what="another look")
    assert incident()["state"] == "inconclusive"
    assert (stack.controller.pointer().version, stack.controller.pointer().epoch) == ("8", 2)
    stack.controller.verify_audit()


def peer(stack: Stack, name: str, port: int, cluster: int, other: int | None) -> ManagedProcess:
    """Return one of two Alertmanagers that share their notifications."""
    single = stack.alertmanager
    command = [word for word in single.command if "listen-address" not in word and "storage" not in word]
    command += [f"--storage.path={stack.folder / name}", f"--web.listen-address=127.0.0.1:{port}"]
    command += [f"--cluster.listen-address=127.0.0.1:{cluster}", "--cluster.settle-timeout=1s"]
    command += [f"--cluster.peer=127.0.0.1:{other}"] if other else []
    url = f"http://127.0.0.1:{port}"
    return replace(
        single, name=name, command=command, log=stack.folder / f"{name}.log", ready_url=f"{url}/-/ready", url=url
    )


def test_two_alertmanagers_whose_receiver_was_away_make_one_incident_and_one_change(stack: Stack) -> None:
    stack.controller.options = ("--pull=3600", "--retry=0.5", "--watch=0.2")
    ports = free_ports(4)
    first = peer(stack, "one", ports[0], ports[2], None)
    second = peer(stack, "two", ports[1], ports[3], ports[2])
    degrade(stack)
    stack.start(stack.prometheus, first, second)
    wait_until(
        lambda: stack.firing("ClinicalAIPerformanceDropRollback"), within=60, what="the alert to fire", every=0.2
    )
    answer = httpx.get(
        f"{stack.prometheus.url}/api/v1/query", params={"query": "ALERTS{tier='rollback'}"}, trust_env=False
    )
    labels = {
        k: v for k, v in answer.json()["data"]["result"][0]["metric"].items() if k not in {"__name__", "alertstate"}
    }
    # Both are told at slightly different times, as by a pair of Prometheus, while nobody listens.
    for moment, url in ((-3, first.url), (-1, second.url)):
        body = [{"labels": labels, "startsAt": now(moment), "endsAt": now(600)}]
        httpx.post(f"{url}/api/v2/alerts", json=body, trust_env=False).raise_for_status()
    start_controller(stack)
    wait_until(lambda: heard(stack) >= 2, within=60, what="both to be heard", every=0.2)
    stack.state("converging", "verifying", within=60)
    (incident,) = stack.controller.incidents()
    details = stack.controller.get(f"/v1/incidents/{incident['id']}")
    assert [intent["status"] for intent in details["intents"]] == ["applied"]
    assert (stack.controller.pointer().version, stack.controller.pointer().epoch) == ("7", 3)


def heard(stack: Stack) -> int:
    """Return how many notifications with an alert for the controller were stored."""
    with contextlib.suppress(httpx.HTTPError):
        events = stack.controller.get("/v1/audit")["events"]
        stack.exposed.alive()
        return sum(event["action"] == "webhook.received" and event["data"]["alerts"] > 0 for event in events)
    return 0
