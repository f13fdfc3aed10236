"""An HTTP address that deploys: signed, bounded, never redirected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from otel_clinical.rollback.targets import Conflicted, HttpHook, Swapped, Unreachable
from otel_clinical.rollback.targets.http_hook import LONGEST_ANSWER
from tests.rollback.targets._peer import Peer
from tests.rollback.targets._places import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "otel-clinical/4/7"


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer(SECRET)
    yield made
    made.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


def test_sends_the_marker_as_idempotency_key(peer: Peer, secret: Path) -> None:
    hook = HttpHook(peer.url, secret)
    hook.swap(hook.read(), "7", MARK)
    assert peer.keys == [MARK]


def test_a_peer_that_knows_another_secret_is_unreachable_and_unchanged(peer: Peer, secret: Path) -> None:
    secret.write_text("another-secret-of-some-length")
    with pytest.raises(Unreachable, match="answered 401"):
        HttpHook(peer.url, secret).read()
    assert peer.version == "8"


def test_takes_a_rotated_secret_without_a_restart(peer: Peer, secret: Path) -> None:
    hook = HttpHook(peer.url, secret)
    hook.read()
    peer.secret = b"another-secret-of-some-length"
    secret.write_text("another-secret-of-some-length")
    assert hook.read().version == "8"


def test_a_secret_that_is_too_short_says_how_to_make_one(peer: Peer, secret: Path) -> None:
    secret.write_text("short")
    with pytest.raises(Unreachable, match="openssl rand"):
        HttpHook(peer.url, secret).read()


def test_a_lost_answer_is_found_at_the_next_look(peer: Peer, secret: Path) -> None:
    hook = HttpHook(peer.url, secret)
    expected = hook.read()
    peer.lose_answer = True
    with pytest.raises(Unreachable):
        hook.swap(expected, "7", MARK)
    again = hook.swap(expected, "7", MARK)
    assert isinstance(again, Conflicted)
    assert again.active.marker == MARK
    assert peer.epoch == 2


@pytest.mark.parametrize("code", [307, 429, 500, 503])
def test_any_other_answer_is_unreachable_and_not_followed(peer: Peer, secret: Path, code: int) -> None:
    hook = HttpHook(peer.url, secret)
    expected = hook.read()
    peer.answer = code
    with pytest.raises(Unreachable, match=str(code)):
        hook.swap(expected, "7", MARK)
    assert peer.version == "8"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"8"', b"{}", b'{"version": 8}', b'{"version": "8", "marker": 1}', b"[" * 100_000,
     b'{"version": "' + b"8" * 300 + b'"}', b"\xff\xfe", b" " * (LONGEST_ANSWER + 1)],
)  # fmt: skip
def test_nonsense_is_unreachable(secret: Path, content: bytes) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=content, headers={"ETag": '"1"'})

    hook = HttpHook("http://peer.test", secret, transport=httpx.MockTransport(answer))
    with pytest.raises(Unreachable):
        hook.read()


def test_an_answer_that_says_another_version_serves_is_not_believed(secret: Path) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"version": "8", "marker": ""}, headers={"ETag": '"1"'})

    hook = HttpHook("http://peer.test", secret, transport=httpx.MockTransport(answer))
    with pytest.raises(Unreachable, match="says that 8 serves"):
        hook.swap(hook.read(), "7", MARK)


def test_a_peer_without_entity_tags_does_not_pass_the_preflight(secret: Path) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"version": "8"})

    hook = HttpHook("http://peer.test", secret, transport=httpx.MockTransport(answer))
    assert "ETag" in hook.preflight("7")[0]


def test_counts_instances_where_the_peer_does(secret: Path) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"version": "8", "ready": 2, "total": 3}, headers={"ETag": '"1"'})

    hook = HttpHook("http://peer.test", secret, transport=httpx.MockTransport(answer))
    assert (hook.converged("8").ready, hook.converged("8").total) == (2, 3)
    assert not hook.converged("8").complete


def test_swaps_after_the_peer_came_back(peer: Peer, secret: Path) -> None:
    hook = HttpHook(peer.url, secret)
    expected = hook.read()
    peer.answer = 503
    with pytest.raises(Unreachable):
        hook.swap(expected, "7", MARK)
    peer.answer = None
    assert isinstance(hook.swap(expected, "7", MARK), Swapped)
    assert peer.keys == [MARK]
