"""Know who may speak: bearer tokens from a file, two at once while one replaces the other."""

from __future__ import annotations

import hmac
import logging
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_TOKENS: Final = 2
MIN_LENGTH: Final = 16
_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH
_log = logging.getLogger(__name__)


class TokenFileError(ValueError):
    """The token file cannot be used; the message says what it must hold, never what it holds."""


class TokenFile:
    """Bearer tokens, one a line, read again whenever the file changes: rotation needs no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature: tuple[int, int, int] | None = None
        self._tokens: tuple[bytes, ...] = ()
        self._refresh()

    def allows(self, authorization: str | None) -> bool:
        """Tell whether an Authorization header carries an active token, in time that does not depend on it."""
        # While the file is being replaced the tokens read last stay good.
        with suppress(TokenFileError):
            self._refresh()
        scheme, _, given = (authorization or "").partition(" ")
        presented = given.strip().encode("utf-8", "surrogateescape")
        matches = [hmac.compare_digest(presented, token) for token in self._tokens]
        return scheme.lower() == "bearer" and any(matches)

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            signature = (found.st_mtime_ns, found.st_ino, found.st_size)
            if signature == self._signature:
                return
            lines = self._path.read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            raise TokenFileError(f"{self._path}: there is no such token file; {_recipe(self._path)}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise TokenFileError(f"{self._path}: cannot be read as text ({type(error).__name__})") from None
        tokens = tuple(line.strip().encode() for line in lines if line.strip() and not line.startswith("#"))
        if not 1 <= len(tokens) <= MAX_TOKENS:
            raise TokenFileError(
                f"{self._path}: {len(tokens)} tokens, expected one or two, one a line; {_recipe(self._path)}"
            )
        if any(len(token) < MIN_LENGTH for token in tokens):
            raise TokenFileError(
                f"{self._path}: a token is shorter than {MIN_LENGTH} characters; {_recipe(self._path)}"
            )
        if found.st_mode & _OTHERS:
            _log.warning("%s: others on this machine can read the tokens; run `chmod 600 %s`", self._path, self._path)
        self._tokens, self._signature = tokens, signature


def _recipe(path: Path) -> str:
    return f"make one with `(umask 077; openssl rand -hex 32 > {path})`"
