"""What a real Alertmanager does to a receiver never makes the controller act twice, too early, or not at all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from otel_clinical.simulate.stack import wait_until
from tests.rollback._alertmanager import Pair
from tests.rollback._controller import TOKEN, Controller
from tests.rollback._prometheus import degraded, recovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_clinical.rollback import Terms
    from tests.rollback._alertmanager import Delivery, Gateway
    from tests.rollback._prometheus import FakePrometheus

pytestmark = pytest.mark.stack

NAME = "ClinicalAIPerformanceDropRollback"
LONG = 60.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two Alertmanagers for all cases; each case is a group of its own."""
    pair = Pair(tmp_path_factory.mktemp("alertmanagers"))
    try:
        pair.start()
        yield pair
    finally:
        pair.close()


@pytest.fixture
def gateway(pair: Pair, controller: Controller) -> Iterator[Gateway]:
    """The only way to the controller, shut at first."""
    del controller
    pair.gateway.authorization = f"Bearer {TOKEN}"
    yield pair.gateway
    pair.gateway.upstream = None


@pytest.fixture
def labels(prometheus: FakePrometheus, terms: Terms) -> dict[str, str]:
    """A proved drop, as Prometheus shows it."""
    return degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)


def alert(labels: dict[str, str], case: str, *, since: float = 0.0, ends: float = 600.0) -> dict[str, Any]:
    """Return one alert as Prometheus posts it; `since` and `ends` in seconds from now."""
    return {"labels": {**labels, "case": case}, "startsAt": moment(since), "endsAt": moment(ends)}


def other(case: str, name: str) -> dict[str, Any]:
    """Return an alert that is none of the controller's business."""
    return alert({"alertname": name, "tier": "engineering"}, case)


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def until(seen: Callable[[], object], what: str) -> None:
    wait_until(seen, within=LONG, what=what, every=0.05)


def accepted(gateway: Gateway, case: str) -> list[Delivery]:
    return [found for found in gateway.about(case) if found.code == 202]


def intents(controller: Controller) -> list[str]:
    """Return how far each change has come; there must be one incident."""
    (incident,) = controller.incidents()
    return [intent["status"] for intent in controller.get(f"/v1/incidents/{incident['id']}")["intents"]]


def test_both_peers_tell_it_when_their_receiver_was_ill_and_fifty_repetitions_add_nothing(
    pair: Pair, gateway: Gateway, controller: Controller, labels: dict[str, str]
) -> None:
    case = gateway.case = "duplicates"
    # As from a pair of Prometheus: the same labels, begun at different times.
    for member, since in ((0, -3.0), (1, -1.0)):
        pair.post(alert(labels, case, since=since), to=member)

    def refused(at_least: int) -> bool:
        peers = [found.peer for found in gateway.about(case)]
        return all(peers.count(member.url) >= at_least for member in pair.members)

    until(lambda: refused(2), "both to try again after a 500")
    gateway.together = frozenset(member.url for member in pair.members)
    gateway.upstream = controller.url
    until(lambda: len({found.peer for found in accepted(gateway, case)}) == 2, "both to be heard")
    controller.wait_state("converging", "verifying", within=LONG)
    bodies = {found.peer: found.body for found in accepted(gateway, case)}
    for number in range(50):
        assert controller.post(list(bodies.values())[number % 2]).status_code == 202
    all_taken_in(controller)
    assert intents(controller) == ["applied"]
    assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)


def all_taken_in(controller: Controller) -> None:
    """Wait until every alert that was received has been taken into account."""
    heard = controller.get("/v1/audit")["events"][-1]["seq"]
    controller.post(b'{"alerts": []}')
    until(lambda: controller.get("/v1/audit")["events"][-1]["seq"] > heard, "the last of them")


def test_an_end_in_a_group_that_fires_opens_nothing_and_undoes_nothing(
    pair: Pair, gateway: Gateway, controller: Controller, labels: dict[str, str], prometheus: FakePrometheus
) -> None:
    case = gateway.case = "mixed"
    gateway.upstream = controller.url
    pair.post(other(case, "A"), alert(labels, case, since=-9.0, ends=-1.0))
    until(lambda: accepted(gateway, case), "the group")
    first = accepted(gateway, case)[0]
    assert (first.content["status"], first.statuses()) == ("firing", {"A": "firing", NAME: "resolved"})
    assert controller.incidents() == []
    pair.post(alert(labels, case))
    controller.wait_state("converging", within=LONG)
    recovered(prometheus)
    controller.wait_state("rolled_back", within=LONG)
    before = len(accepted(gateway, case))
    pair.post(alert(labels, case, since=-9.0, ends=-0.1))
    until(lambda: len(accepted(gateway, case)) > before, "the end")
    # The same labels fire again: the same fingerprint, another beginning, of a version that serves no longer.
    pair.post(alert(labels, case))
    until(lambda: begun_again(accepted(gateway, case)), "a second beginning")
    until(lambda: audited(controller, "alert.stale"), "the version to be found not to serve")
    assert [incident["state"] for incident in controller.incidents()] == ["rolled_back"]
    assert intents(controller) == ["applied"]
    assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)


def begun_again(deliveries: list[Delivery]) -> bool:
    ours = [found for delivery in deliveries for found in delivery.content["alerts"] if found["status"] == "firing"]
    ours = [found for found in ours if found["labels"]["alertname"] == NAME]
    return len({found["fingerprint"] for found in ours}) == 1 < len({found["startsAt"] for found in ours})


def audited(controller: Controller, action: str) -> bool:
    return any(event["action"] == action for event in controller.get("/v1/audit")["events"])


def test_what_a_truncated_group_leaves_out_is_read_from_prometheus(
    pair: Pair, gateway: Gateway, controller: Controller, labels: dict[str, str]
) -> None:
    case = gateway.case = "truncated"
    gateway.upstream = controller.url
    pair.post(other(case, "A"), other(case, "B"), alert(labels, case))
    incident = controller.wait_state("converging", "verifying", within=LONG)
    cut = accepted(gateway, case)[0]
    assert cut.content["truncatedAlerts"] == 1
    assert set(cut.statuses()) == {"A", "B"}, "the alert that matters was cut off"
    opened = controller.get(f"/v1/incidents/{incident['id']}")["events"][0]
    assert (opened["action"], opened["data"]["pulled"]) == ("incident.opened", True)
    assert intents(controller) == ["applied"]


def test_what_a_killed_alertmanager_tells_again_changes_nothing(
    pair: Pair, gateway: Gateway, controller: Controller, labels: dict[str, str]
) -> None:
    case = gateway.case = "killed"
    gateway.upstream = controller.url
    pair.post(alert(labels, case))
    controller.wait_state("converging", "verifying", within=LONG)
    told = len(accepted(gateway, case))
    # The log of what was sent is written every quarter of an hour: after both were killed it is gone.
    for member in pair.members:
        member.kill()
    pair.start()
    pair.post(alert(labels, case))
    until(lambda: len(accepted(gateway, case)) > told, "the repetition")
    all_taken_in(controller)
    assert intents(controller) == ["applied"]
    assert (controller.pointer().version, controller.pointer().epoch) == ("7", 3)


def test_an_alert_that_began_and_ended_while_the_receiver_was_ill_is_never_told_and_found_all_the_same(
    pair: Pair, gateway: Gateway, controller: Controller, labels: dict[str, str], prometheus: FakePrometheus
) -> None:
    case = gateway.case = "lost"
    pair.post(alert(labels, case))
    until(lambda: len(gateway.about(case)) >= 2, "a refused notification")
    controller.process.kill()
    pair.post(alert(labels, case, since=-9.0, ends=-0.1))
    prometheus.end("ALERTS")
    until(lambda: forgotten(pair, case), "Alertmanager to forget it")
    controller.start()
    gateway.upstream = controller.url
    incident = controller.wait_state("inconclusive", within=LONG)
    assert accepted(gateway, case) == [], "Alertmanager never tells of it, not even of its end"
    assert "confirmation" in incident["reason"]
    assert (controller.pointer().version, controller.pointer().epoch) == ("8", 2)
    assert intents(controller) == []


def forgotten(pair: Pair, case: str) -> bool:
    groups = pair.groups()
    return not any(group["labels"].get("case") == case for group in groups)
