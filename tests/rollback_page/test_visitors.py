"""Sessions and identities of the pages."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from otel_clinical.access import TokenFile
from otel_clinical.rollback.page._visitors import COOKIE, SESSION, Proxy, Visitors, page_key

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "old-token-of-the-team", "new-token-of-the-team"
KEY = b"k" * 32


def request(cookie: str = "", client: str = "10.0.0.9", headers: tuple[tuple[str, str], ...] = ()) -> Request:
    sent = [(b"host", b"here"), (b"cookie", f"{COOKIE}={cookie}".encode())]
    sent += [(name.lower().encode(), value.encode()) for name, value in headers]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": sent, "client": (client, 1)}
    return Request(scope)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    (tmp_path / "tokens").write_text(OLD + "\n")
    (tmp_path / "tokens").chmod(0o600)
    return TokenFile(tmp_path / "tokens")


def test_a_session_lasts_one_shift(tokens: TokenFile) -> None:
    now = [1000.0]
    visitors = Visitors(KEY, tokens, lambda: now[0])
    cookie = visitors.begin(OLD, "Ana Ruiz") or ""
    seen = visitors.of(request(cookie))
    assert seen is not None
    assert (seen.name, seen.method) == ("Ana Ruiz", "token")
    now[0] += SESSION - 1
    assert visitors.of(request(cookie)) == seen
    now[0] += 1
    assert visitors.of(request(cookie)) is None


def test_a_session_ends_when_its_token_is_retired_and_not_before(tokens: TokenFile, tmp_path: Path) -> None:
    visitors = Visitors(KEY, tokens, lambda: 0.0)
    cookie = visitors.begin(OLD, "Ana") or ""
    assert OLD not in cookie
    (tmp_path / "tokens").write_text(f"{OLD}\n{NEW}\n")
    assert visitors.of(request(cookie)) is not None
    (tmp_path / "tokens").write_text(f"{NEW}\n")
    assert visitors.of(request(cookie)) is None


@given(cookie=st.text(alphabet="abcdef0123456789.=-_", max_size=300))
def test_no_cookie_that_was_made_up_is_a_session(cookie: str) -> None:
    class Everything:
        def active(self, _: str) -> bool:
            return True

    assert Visitors(KEY, Everything(), lambda: 0.0).of(request(cookie)) is None  # type: ignore[arg-type]


def test_a_session_of_another_key_or_with_a_changed_letter_is_none(tokens: TokenFile) -> None:
    cookie = Visitors(b"o" * 32, tokens, lambda: 0.0).begin(OLD, "Ana") or ""
    visitors = Visitors(KEY, tokens, lambda: 0.0)
    assert visitors.of(request(cookie)) is None
    mine = visitors.begin(OLD, "Ana") or ""
    assert visitors.of(request(mine)) is not None
    for at in range(0, len(mine), 7):
        changed = mine[:at] + ("A" if mine[at] != "A" else "B") + mine[at + 1 :]
        assert visitors.of(request(changed)) is None


@pytest.mark.parametrize(
    ("client", "headers", "believed"),
    [
        ("10.0.0.5", (("X-User", "ana"),), True),
        ("10.0.0.9", (("X-User", "ana"),), False),
        ("10.0.0.5", (("X-User", "ana"), ("X-User", "eve")), False),
        ("10.0.0.5", (("X-User", ""),), False),
        ("10.0.0.9", (("X-User", "ana"), ("X-Forwarded-For", "10.0.0.5")), False),
    ],
)
def test_only_one_word_of_the_named_proxy_is_believed_and_everything_else_is_counted(
    tokens: TokenFile, client: str, headers: tuple[tuple[str, str], ...], *, believed: bool
) -> None:
    refused: list[str] = []
    visitors = Visitors(KEY, tokens, lambda: 0.0, Proxy("10.0.0.5", "X-User"), refused.append)
    seen = visitors.of(request(client=client, headers=headers))
    assert (seen is not None and seen.name == "ana") is believed
    assert refused == ([] if believed else ["identity_header"])


def test_without_a_named_proxy_no_header_says_who_somebody_is(tokens: TokenFile) -> None:
    assert Visitors(KEY, tokens, lambda: 0.0).of(request(headers=(("X-Forwarded-User", "ana"),))) is None


def test_the_key_of_the_pages_is_kept_and_is_nobody_elses(tmp_path: Path) -> None:
    key = page_key(tmp_path)
    assert len(key) == 32
    assert page_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "page.key").stat().st_mode) == 0o600
    (tmp_path / "page.key").write_bytes(b"cut")
    mended = page_key(tmp_path)
    assert len(mended) == 32
    assert page_key(tmp_path) == mended
