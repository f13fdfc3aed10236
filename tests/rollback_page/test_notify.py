"""Telling people: the words, who is called when, and a real Alertmanager that is told until somebody answers."""

from __future__ import annotations

import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.rollback.calls import DEFAULTS, LINES, level
from otel_clinical.rollback.links import Links
from otel_clinical.rollback.notify import Notifier
from otel_clinical.rollback.notify._alerts import Told, alert, may_wait, wanted
from otel_clinical.rollback.notify._post import AlertmanagerUnavailableError
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.state import ModelState
from otel_clinical.simulate.stack import alertmanager_server, free_ports, wait_until
from tests.rollback_page._scene import play

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.rollback._prometheus import FakePrometheus

OPENED = 1_790_000_000.0


def incident(**changes: Any) -> dict[str, Any]:
    return {
        "id": "INC-0123456789ab",
        "key": {"model": "coding", "cause": "performance", "segment": {"name": "payer", "value": "medicaid"}},
        "version": "8",
        "alert": "ClinicalAIPerformanceDropRollback",
        "opened_at": OPENED,
        "last_seen": OPENED,
        "next_at": OPENED + 15,
        "firing": True,
        "state": "inconclusive",
        "reason": "",
        "last": {"samples": 240.0, "drop": 0.25, "change_point": OPENED - 3600, "evidence": 12.0},
        "guards": [
            {"guard": "sample", "result": "pass", "because": "yes"},
            {"guard": "baseline", "result": "fail", "because": "no"},
        ],
        "events": [],
        "intents": [],
        "audit_head": {"seq": 9, "hash": "ab" * 32},
        **changes,
    }


def acknowledged(action: str = "person.acknowledge") -> dict[str, Any]:
    data = {"by": "Ana", "reason": "I am looking into it"}
    return {"seq": 3, "time": OPENED + 60, "actor": "Ana", "action": action, "data": data}


def test_the_alert_says_the_whole_skeleton_and_carries_every_link() -> None:
    told = alert(incident(), None, Moments(OPENED + 60), url="https://ai", token="T.S", runbooks="https://run/")  # noqa: S106
    for part in (
        "What: Performance of coding 8 dropped by 25%",
        "Since: 2026",
        "Where: payer = medicaid",
        "Evidence: ",
    ):
        assert part in told.annotations["description"]
    assert (
        "Guards: 1 of 2 pass; Is it measured against the frozen baseline? fail (no)" in told.annotations["description"]
    )
    assert "The machine did: Nothing was changed." in told.annotations["description"]
    assert "It will do: " in told.annotations["description"]
    assert told.annotations["ack_url"] == "https://ai/a/T.S"
    assert told.annotations["incident_url"] == "https://ai/incidents/INC-0123456789ab"
    assert told.annotations["runbook_url"] == "https://run/ClinicalAIPerformanceDropRollback.md"
    assert "head " + "ab" * 32 in told.annotations["audit"]


def test_our_own_alerts_are_never_taken_for_one_that_the_controller_acts_on() -> None:
    labels = alert(incident(), None, Moments(OPENED), url="", token="", runbooks="").labels
    assert "tier" not in labels
    assert "action" not in labels


@given(
    waits=st.lists(st.floats(0, 1e6), min_size=2, max_size=2).map(sorted),
    state=st.sampled_from(["inconclusive", "governance_review", "engineering_review"]),
)
def test_who_is_called_only_ever_rises_and_names_somebody(waits: list[float], state: str) -> None:
    levels = [level(incident(state=state), DEFAULTS, OPENED + wait) for wait in waits]
    assert levels == sorted(levels)
    assert all(0 <= level < len(LINES) for level in levels)


@pytest.mark.parametrize(("state", "tier"), [("engineering_review", 1), ("governance_review", 2), ("stuck", 3)])
def test_the_next_in_line_is_called_at_the_tiers_own_deadline(state: str, tier: int) -> None:
    calls = DEFAULTS[tier]
    for line, limit in enumerate((calls.second_line, calls.safety_officer), start=1):
        assert level(incident(state=state), DEFAULTS, OPENED + limit - 1) == line - 1
        assert level(incident(state=state), DEFAULTS, OPENED + limit) == line


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, True),
        ({"state": "manual_route"}, True),
        ({"events": [acknowledged()]}, False),
        ({"events": [acknowledged("order.acknowledge")]}, False),
        ({"state": "rolled_back"}, False),
        ({"state": "stale"}, False),
    ],
)
def test_people_are_told_until_somebody_answers_or_nothing_is_left_to_do(
    changes: dict[str, Any], *, told: bool
) -> None:
    assert wanted(incident(**changes), DEFAULTS, OPENED + 60) is told


def test_whoever_acknowledged_a_review_is_called_again_when_it_becomes_a_rollback() -> None:
    escalated = {"seq": 4, "time": OPENED + 86_400, "actor": "controller", "action": "incident.escalated", "data": {}}
    more = incident(events=[acknowledged(), escalated], last_seen=OPENED + 86_400)
    assert not wanted(incident(events=[acknowledged()]), DEFAULTS, OPENED + 86_401)
    assert may_wait(more, OPENED + 86_401)
    assert wanted(more, DEFAULTS, OPENED + 86_401)
    assert level(more, DEFAULTS, OPENED + 86_401) == 0
    assert level(more, DEFAULTS, OPENED + 86_400 + DEFAULTS[3].second_line) == 1
    again = {**acknowledged(), "time": OPENED + 86_500}
    assert not wanted({**more, "events": [*more["events"], again]}, DEFAULTS, OPENED + 86_501)


class Heard:
    """Takes what a notifier posts; refuses while it is down."""

    def __init__(self) -> None:
        self.up, self.firing, self.ended = True, [], []

    def post(self, firing: Iterable[Told], ended: Iterable[Told], now: float) -> None:
        del now
        if not self.up:
            raise AlertmanagerUnavailableError("ConnectError")
        self.firing, self.ended = list(firing), list(ended)

    def close(self) -> None:
        """Nothing is open."""


class Kept:
    """A store of one incident that remembers what was noted."""

    def __init__(self) -> None:
        self.item, self.notes = incident(), []

    def incidents(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in self.item.items() if k not in {"events", "intents"}}]

    def incident(self, _: str) -> dict[str, Any]:
        return self.item

    def load(self, _: str) -> ModelState:
        return ModelState()

    def note(self, action: str, about: str, data: dict[str, Any], at: float) -> None:
        self.notes.append(action)
        event = {"seq": 9, "time": at, "actor": "controller", "action": action, "data": data, "object": about}
        self.item = {**self.item, "events": [*self.item["events"], event]}


def notifier_of(heard: Heard, kept: Kept, clock: Any) -> Notifier:
    from datetime import UTC  # noqa: PLC0415

    return Notifier(heard, kept, {}, Links(b"k" * 32), url="", runbooks="", clock=clock, zone=UTC)  # type: ignore[arg-type]


def test_each_rise_is_audited_once_ends_the_old_alert_and_survives_a_restart() -> None:
    heard, kept, now = Heard(), Kept(), [OPENED + 60]
    notifier = notifier_of(heard, kept, lambda: now[0])
    notifier.turn()
    assert [told.labels["escalation"] for told in heard.firing] == ["first_line"]
    now[0] = OPENED + DEFAULTS[3].second_line
    notifier.turn()
    notifier.turn()
    assert [told.labels["escalation"] for told in heard.firing] == ["second_line"]
    assert kept.notes == ["escalation.raised"]
    again = notifier_of(heard, kept, lambda: now[0])
    again.turn()
    assert kept.notes == ["escalation.raised"]
    now[0] = OPENED + DEFAULTS[3].safety_officer
    again.turn()
    assert (heard.firing[0].labels["escalation"], heard.ended[0].labels["escalation"]) == (
        "safety_officer",
        "second_line",
    )
    kept.item["events"].append(acknowledged())
    again.turn()
    assert heard.firing == []
    assert [told.labels["escalation"] for told in heard.ended] == ["safety_officer"]


def test_an_alertmanager_that_was_away_is_told_when_it_is_back() -> None:
    heard, kept = Heard(), Kept()
    notifier = notifier_of(heard, kept, lambda: OPENED + 60)
    heard.up = False
    notifier.turn()
    assert heard.firing == []
    heard.up = True
    notifier.turn()
    assert len(heard.firing) == 1


def test_people_are_told_though_the_audit_cannot_be_written_and_it_is_written_later() -> None:
    heard, kept = Heard(), Kept()
    notifier, note = notifier_of(heard, kept, lambda: OPENED + DEFAULTS[3].second_line), kept.note

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    kept.note = full  # type: ignore[method-assign]
    notifier.turn()
    assert [told.labels["escalation"] for told in heard.firing] == ["second_line"]
    kept.note = note  # type: ignore[method-assign]
    notifier.turn()
    assert (len(heard.firing), kept.notes) == (1, ["escalation.raised"])


def test_how_long_alertmanager_takes_nothing_is_known() -> None:
    heard, now = Heard(), [OPENED + 60]
    notifier = notifier_of(heard, Kept(), lambda: now[0])
    assert notifier.silent_for() == 0
    heard.up = False
    for _ in range(3):
        notifier.turn()
        now[0] += 40
    assert notifier.silent_for() == 120
    heard.up = True
    notifier.turn()
    assert notifier.silent_for() == 0


class _Inbox(BaseHTTPRequestHandler):
    inbox: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.inbox.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of a webhook that people get, and what it got."""
    got: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Inbox", (_Inbox,), {"inbox": got}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", got
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.stack
def test_a_real_alertmanager_tells_people_until_one_of_them_follows_the_link(
    tmp_path: Path, prometheus: FakePrometheus, inbox: tuple[str, list[dict[str, Any]]]
) -> None:
    url, got = inbox
    (tmp_path / "logs").mkdir()
    config = {
        "route": {"receiver": "people", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "people", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }
    (tmp_path / "am.yml").write_text(yaml.safe_dump(config))
    alertmanager = alertmanager_server(tmp_path, tmp_path / "am.yml", free_ports(1)[0])
    alertmanager.start()
    try:
        alertmanager.wait_ready()
        folder = tmp_path / "controller"
        folder.mkdir()
        options = (
            "--pull=3600",
            "--retry=0.2",
            f"--alertmanager={alertmanager.url}",
            "--public-url=https://ai.example",
        )
        scene = play(folder, prometheus, options)
        try:
            told = wait_until(lambda: _about(got, scene.undecided, "firing"), within=60, what="people to be told")
            assert told["labels"]["alertname"] == "ClinicalAIIncident"
            assert told["annotations"]["ack_url"].startswith("https://ai.example/a/")
            path = told["annotations"]["ack_url"].removeprefix("https://ai.example")
            form = {"by": "Ana Ruiz", "reason": "I am looking into it"}
            assert httpx.post(scene.url + path, data=form, trust_env=False, timeout=30).status_code == 200
            wait_until(lambda: _about(got, scene.undecided, "resolved"), within=90, what="the calls to end")
        finally:
            scene.controller.process.stop()
    finally:
        alertmanager.stop()


def _about(got: list[dict[str, Any]], key: str, status: str) -> dict[str, Any] | None:
    alerts = [a for body in list(got) for a in body["alerts"] if a["status"] == status]
    return next((a for a in alerts if a["labels"].get("incident") == key), None)
