"""Links that acknowledge: opening one changes nothing, using one works once, and nobody can make one up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.rollback.links import LIFE, LinkError, Links
from otel_clinical.rollback.page import page_key

if TYPE_CHECKING:
    from tests.rollback_page._scene import Scene

KEY = b"k" * 32
FORM = {"by": "Ana Ruiz", "reason": "I am looking into it"}


def test_a_link_says_what_it_is_for_until_it_expires() -> None:
    token = Links(KEY).make("INC-1", "first_line", 1000.0)
    link = Links(KEY).read(token, 1000.0 + LIFE - 1)
    assert (link.incident, link.role) == ("INC-1", "first_line")
    with pytest.raises(LinkError, match="has expired"):
        Links(KEY).read(token, 1000.0 + LIFE)
    with pytest.raises(LinkError, match="not one of ours"):
        Links(b"o" * 32).read(token, 1000.0)


@given(at=st.integers(0, 200), letter=st.sampled_from("ABab01-_.="))
def test_a_link_with_a_changed_letter_opens_nothing(at: int, letter: str) -> None:
    token = Links(KEY).make("INC-1", "first_line", 1000.0, nonce="n")
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    if changed == token:
        return
    with pytest.raises(LinkError):
        Links(KEY).read(changed, 1000.0)


@given(token=st.text(max_size=300))
def test_nobody_makes_up_a_link(token: str) -> None:
    with pytest.raises(LinkError):
        Links(KEY).read(token, 0.0)


def link_of(night: Scene, *, at: float | None = None, nonce: str | None = None) -> str:
    links = Links(page_key(night.controller.folder / "state"))
    return "/a/" + links.make(night.undecided, "first_line", night.opened if at is None else at, nonce=nonce)


def test_a_mail_scanner_that_opens_every_link_acknowledges_nothing(night: Scene) -> None:
    before = night.controller.get("/v1/audit")["head"]
    with httpx.Client(base_url=night.url, trust_env=False, timeout=30) as client:
        for method in ("GET", "HEAD", "GET"):
            answer = client.request(method, link_of(night, nonce="scanned"))
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "Opening this page has changed nothing" in client.get(link_of(night, nonce="scanned")).text
    assert night.controller.get("/v1/audit")["head"] == before


def test_a_link_acknowledges_once_with_name_reason_and_role(own_night: Scene) -> None:
    path = link_of(own_night, nonce="once")
    with httpx.Client(base_url=own_night.url, trust_env=False, timeout=30) as client:
        assert client.post(path, data={**FORM, "by": " "}).status_code == 409
        answer = client.post(path, data=FORM)
        assert answer.status_code == 200
        assert "Acknowledged by Ana Ruiz" in answer.text
        again = client.post(path, data={**FORM, "by": "Eve"})
        assert again.status_code == 409
        assert "works once" in again.text
        assert "Acknowledged by Ana Ruiz" in client.get(path).text
    events = own_night.controller.get(f"/v1/incidents/{own_night.undecided}")["events"]
    acts = [(e["actor"], e["data"]["method"]) for e in events if e["action"] == "person.acknowledge"]
    assert acts == [("Ana Ruiz", "link:first_line")]
    own_night.controller.verify_audit()


def test_an_expired_or_broken_link_says_where_to_go(night: Scene) -> None:
    with httpx.Client(base_url=night.url, trust_env=False, timeout=30) as client:
        expired = client.get(link_of(night, at=night.opened - 2 * LIFE))
        assert expired.status_code == 410
        assert "has expired" in expired.text
        assert client.post(link_of(night)[:-4], data=FORM).status_code == 410
        assert client.get("/a/nonsense").status_code == 410
