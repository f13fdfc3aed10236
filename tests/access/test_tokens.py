"""Tokens and addresses: what is accepted, and what is refused before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_clinical.access import AccessError, Address, TokenFile, require_tls_off_loopback, require_token_off_loopback

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "old-token-0123456789", "new-token-0123456789"
WRONG_HEADERS = [None, "", "Bearer", "Bearer ", f"Basic {OLD}", OLD, f"Bearer {OLD}x", f"Bearer {OLD[:-1]}", "Bearer ü"]


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# senders\n{OLD}\n\n{NEW}\n")
    return path


class TestTokenFile:
    @pytest.mark.parametrize("header", [f"Bearer {OLD}", f"bearer {NEW}", f"Bearer  {NEW} "])
    def test_both_active_tokens_are_accepted(self, token_file: Path, header: str):
        assert TokenFile(token_file).accepts(header)

    @pytest.mark.parametrize("header", WRONG_HEADERS)
    def test_anything_else_is_not(self, token_file: Path, header: str | None):
        assert not TokenFile(token_file).accepts(header)

    def test_a_changed_file_takes_effect_without_a_restart(self, token_file: Path):
        tokens = TokenFile(token_file)
        token_file.write_text(f"{NEW}\n")
        assert not tokens.accepts(f"Bearer {OLD}")
        assert tokens.accepts(f"Bearer {NEW}")

    def test_an_unusable_change_keeps_the_tokens_there_were(self, token_file: Path):
        tokens = TokenFile(token_file)
        token_file.write_text("")
        assert tokens.accepts(f"Bearer {OLD}")
        token_file.unlink()
        assert tokens.accepts(f"Bearer {OLD}")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "holds 0 tokens"),
            (b"# nothing\n\n", "holds 0 tokens"),
            (b"a" * 20 + b"\n" + b"b" * 20 + b"\n" + b"c" * 20, "holds 3 tokens"),
            (b"short", "shorter than 16"),
            (b"\xff\xfe" * 20, "cannot be read"),
        ],
    )
    def test_an_unusable_file_is_one_sentence(self, tmp_path: Path, content: bytes, problem: str):
        path = tmp_path / "tokens"
        path.write_bytes(content)
        with pytest.raises(AccessError, match=problem):
            TokenFile(path)

    def test_a_missing_file_is_one_sentence(self, tmp_path: Path):
        with pytest.raises(AccessError, match=r"make one with `\(umask 077; openssl rand -hex 32 > .*none\)`"):
            TokenFile(tmp_path / "none")

    def test_a_token_that_is_too_short_is_answered_with_a_better_one(self, tmp_path: Path):
        (tmp_path / "tokens").write_text("short")
        with pytest.raises(AccessError, match=r"shorter than 16 characters; make one with .*openssl rand -hex 32"):
            TokenFile(tmp_path / "tokens")

    @pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 1), (0o604, 1)])
    def test_a_file_that_others_can_read_is_warned_about(
        self, token_file: Path, mode: int, warnings: int, caplog: pytest.LogCaptureFixture
    ):
        token_file.chmod(mode)
        TokenFile(token_file)
        assert [f"chmod 600 {token_file}" in record.getMessage() for record in caplog.records] == [True] * warnings


class TestAddress:
    @pytest.mark.parametrize(
        "text", ["", ":", "host", "host:", ":80", "host:http", "host:65536", "host:-1", "[]:80", "h:²"]
    )
    def test_what_is_no_address_is_refused(self, text: str):
        with pytest.raises(AccessError, match="expected HOST:PORT"):
            Address.parse(text)

    @pytest.mark.parametrize("text", ["127.0.0.1:0", "localhost:1", "[::1]:65535"])
    def test_loopback_needs_no_token(self, text: str):
        require_token_off_loopback(Address.parse(text), has_token=False, insecure=False)

    @pytest.mark.parametrize("text", ["0.0.0.0:4318", "[::]:4318", "192.0.2.7:4318"])
    def test_other_addresses_need_a_token_or_a_word(self, text: str):
        address = Address.parse(text)
        with pytest.raises(AccessError, match="--token-file"):
            require_token_off_loopback(address, has_token=False, insecure=False)
        require_token_off_loopback(address, has_token=True, insecure=False)
        require_token_off_loopback(address, has_token=False, insecure=True)

    @pytest.mark.parametrize("text", ["0.0.0.0:4318", "[::]:4318", "192.0.2.7:4318"])
    def test_other_addresses_need_tls_or_a_word(self, text: str):
        address = Address.parse(text)
        with pytest.raises(AccessError, match="--tls-cert and --tls-key"):
            require_tls_off_loopback(address, has_tls=False, insecure=False)
        require_tls_off_loopback(address, has_tls=True, insecure=False)
        require_tls_off_loopback(address, has_tls=False, insecure=True)
        require_tls_off_loopback(Address.parse("127.0.0.1:0"), has_tls=False, insecure=False)


def test_the_first_token_is_the_one_to_show(token_file: Path) -> None:
    token_file.write_text(f"# of this week\n\n{NEW}\n{OLD}\n", encoding="utf-8")
    assert TokenFile(token_file).first() == NEW
