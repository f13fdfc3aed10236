"""What people read of each state: a real Alertmanager tells mail, Slack, Teams' words, PagerDuty and a webhook."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from otel_clinical.generate import notifications
from otel_clinical.rollback.notify import Alertmanager
from otel_clinical.rollback.notify._alerts import Told, alert
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.simulate.stack import alertmanager_server, free_ports, wait_until
from tests.generate._places import Chats, Mailbox
from tests.rollback._situations import terms
from tests.rollback_page.test_notify import OPENED, incident

pytestmark = pytest.mark.stack
STATES = (
    "engineering_review", "governance_review", "deciding", "announced", "inconclusive", "recommended", "rolling_back",
    "stuck", "converging", "verifying", "safe_mode", "hold", "manual_route", "overridden",
)  # fmt: skip
PLACES = ("mail", "slack", "teams", "pagerduty", "webhook")
URL = "https://ai.example"
LINKS = (f"{URL}/a/T.S", f"{URL}/incidents/INC-", "https://run.example/ClinicalAIPerformanceDropRollback.md")
SKELETON = ("What: ", "Since: ", "Where: ", "Evidence: ", "Guards: ", "The machine did: ", "It will do: ")
PAGERDUTY = 1_024
"""Characters of a summary that PagerDuty takes."""
SUBJECT = 200
LONG = 6_000


@dataclass
class Sent:
    """What arrived, by place and incident: a title and a text."""

    titles: dict[str, dict[str, str]]
    texts: dict[str, dict[str, str]]


def told(number: int, state: str) -> Told:
    """Return the alert of an incident in one state, as the controller makes it."""
    change = {"version": "7", "route": None, "segment": {"name": "payer", "value": "medicaid"}}
    intent = {"change": change, "from_version": "8", "planned_at": OPENED + 5, "status": "planned"}
    found = incident(
        id=f"INC-{number:012d}", state=state, act_at=OPENED + 120, converge_by=OPENED + 300, verify_by=OPENED + 900,
        reason="performance dropped after 8 was activated; 7 is known good",
        intents=[intent] if state in {"announced", "rolling_back", "stuck"} else [],
    )  # fmt: skip
    moments = Moments(OPENED + 60)
    return alert(found, terms(), moments, url=URL, token="T.S", runbooks="https://run.example/")  # noqa: S106


def tree(policy: Any, folder: Any, mailbox: Mailbox, chats: Chats) -> Any:
    """Write the shipped tree with every place of a person on this machine, Teams beside Slack, and a webhook."""
    for path, text in notifications.render(policy).items():
        (folder / path.removeprefix("alert_rules/")).write_text(text)
    config = yaml.safe_load((folder / "alertmanager-chat.yaml").read_text())
    config["global"]["smtp_smarthost"] = mailbox.address
    (folder / "secret").write_text("0" * 32)
    (folder / "slack.url").write_text(f"{chats.url}/slack")
    (folder / "teams.url").write_text(f"{chats.url}/teams")
    for receiver in config["receivers"]:
        for slack in receiver.get("slack_configs", ()):
            slack["api_url_file"] = str(folder / "slack.url")
        for pager in receiver.get("pagerduty_configs", ()):
            pager |= {"routing_key_file": str(folder / "secret"), "url": f"{chats.url}/pagerduty"}
        if receiver.get("slack_configs"):
            # Debian's Alertmanager has no Teams yet: the words for Teams go the way of Slack.
            words = {"title": '{{ template "on_call.title" . }}', "text": '{{ template "on_call.teams.text" . }}'}
            receiver["slack_configs"].append({"api_url_file": str(folder / "teams.url"), "channel": "#x", **words})
            receiver["webhook_configs"] = [{"url": f"{chats.url}/webhook"}]
    (folder / "here.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder / "here.yaml"


@pytest.fixture(scope="module")
def sent(policy: Any, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    folder, mailbox, chats = tmp_path_factory.mktemp("sent"), Mailbox(), Chats()
    (folder / "logs").mkdir()
    server = alertmanager_server(folder, tree(policy, folder, mailbox, chats), free_ports(1)[0])
    server.start()
    try:
        server.wait_ready()
        client = Alertmanager(server.url)
        client.post([told(number, state) for number, state in enumerate(STATES)], [], time.time())
        client.close()
        wait_until(
            lambda: (
                len(mailbox.mails) >= len(STATES)
                and all(len(chats.posts.get(f"/{place}", ())) >= len(STATES) for place in PLACES[1:])
            ),
            within=60,
            what="every place to be told of every state",
        )
    finally:
        server.stop()
        mailbox.close()
        chats.close()
    return gathered(mailbox, chats)


def gathered(mailbox: Mailbox, chats: Chats) -> Sent:
    titles: dict[str, dict[str, str]] = {place: {} for place in PLACES}
    texts: dict[str, dict[str, str]] = {place: {} for place in PLACES}

    def keep(place: str, title: str, text: str) -> None:
        state = next(state for n, state in enumerate(STATES) if f"INC-{n:012d}" in text)
        titles[place][state], texts[place][state] = title, text

    for mail in mailbox.mails:
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        assert set(parts) == {"text/plain", "text/html"}
        assert "<script" not in parts["text/html"]
        keep("mail", str(mail["Subject"]), parts["text/plain"])
    for place in ("slack", "teams"):
        for post in chats.posts[f"/{place}"]:
            (attachment,) = post["attachments"]
            keep(place, attachment["title"], attachment["text"])
    for post in chats.posts["/pagerduty"]:
        keep("pagerduty", post["payload"]["summary"], post["payload"]["custom_details"]["text"])
    for post in chats.posts["/webhook"]:
        (one,) = post["alerts"]
        keep("webhook", one["annotations"]["summary"], "\n".join(one["annotations"].values()))
    return Sent(titles, texts)


@pytest.mark.parametrize("place", PLACES)
def test_every_state_is_told_in_every_place_with_the_whole_skeleton_and_links(sent: Sent, place: str) -> None:
    assert set(sent.texts[place]) == set(STATES)
    for state, text in sent.texts[place].items():
        assert [part for part in (*SKELETON, *LINKS) if part not in text] == [], state
        if place != "webhook":
            places = [text.index(part) for part in (*SKELETON, "Do now:")]
            assert places == sorted(places), state


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_empty_cut_off_or_too_long_for_its_place(sent: Sent, place: str) -> None:
    for state, text in sent.texts[place].items():
        title = sent.titles[place][state]
        assert title.startswith("Performance of coding 8 dropped by 25%")
        assert "\n" not in title
        assert len(title) <= (PAGERDUTY if place == "pagerduty" else SUBJECT), title
        assert "no value" not in title + text
        assert "<nil>" not in title + text
        assert len(text) < LONG
        lines = [line.strip(" *") for line in text.splitlines()]
        assert [line for line in lines if line.endswith(":")] == [], state


def test_each_state_says_what_to_do_and_no_two_say_that_nothing_happened(sent: Sent) -> None:
    doing = {state: text.partition("Do now: ")[2].partition("\n")[0] for state, text in sent.texts["mail"].items()}
    assert [state for state, step in doing.items() if len(step) < len("Look at it.")] == []
    assert "veto it before its time" in doing["announced"]
    assert "Approve the recommended change" in doing["recommended"]
    for state in ("inconclusive", "stuck", "recommended"):
        assert "take the AI out at once, for the whole model: touch coding.json.FORCE_MANUAL" in doing[state]
    assert doing["stuck"].startswith("Restore access to the release pointer")
    assert "Announced this change and has not made it" in sent.texts["mail"]["announced"]


def test_lines_stay_lines_where_markdown_would_join_them(sent: Sent) -> None:
    for text in sent.texts["teams"].values():
        ends = [line for line in text.split("\n") if line.startswith(SKELETON)]
        assert len(ends) == len(SKELETON)
        assert all(line.endswith("  ") for line in ends)


def test_no_separator_is_left_where_a_link_is_missing(sent: Sent) -> None:
    texts = [text for place in PLACES[:-1] for text in sent.texts[place].values()]
    assert [line for text in texts for line in text.splitlines() if line.rstrip().endswith("·")] == []
