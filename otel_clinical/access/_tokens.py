"""Know who may speak: bearer tokens from a file, two at once while one replaces the other."""

import hashlib
import hmac
import logging
import stat
from pathlib import Path

from otel_clinical.access._error import AccessError

_MINIMUM_LENGTH = 16
_MAXIMUM_TOKENS = 2
_FINGERPRINT = 16
_OTHERS = stat.S_IRGRP | stat.S_IROTH
_log = logging.getLogger(__name__)


class TokenFile:
    """The bearer tokens a listener accepts, one per line, read again when the file changes.

    Two tokens may be active at once, so that senders can be moved to a new one without a gap. Blank lines and
    lines that start with ``#`` do not count.

    Raises:
        AccessError: Unreadable, no token, more than two, or one shorter than 16 characters.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stat()
        self._digests = self._read()

    def accepts(self, authorization: str | None) -> bool:
        """Say whether an ``Authorization`` header carries an active token, in constant time."""
        self._refresh()
        scheme, _, token = (authorization or "").partition(" ")
        presented = _digest(token.strip())
        matches = [hmac.compare_digest(presented, known) for known in self._digests]
        return scheme.lower() == "bearer" and any(matches)

    def fingerprint(self, token: str) -> str:
        """Return what stands for a token where the token itself must not be kept."""
        return _digest(token.strip()).hex()[:_FINGERPRINT]

    def active(self, fingerprint: str) -> bool:
        """Say whether the token of a fingerprint is still accepted."""
        self._refresh()
        return fingerprint in {known.hex()[:_FINGERPRINT] for known in self._digests}

    def first(self) -> str:
        """Return the first token, to be shown to somebody else's listener."""
        return self._lines()[0]

    def _refresh(self) -> None:
        """Read the file again if it changed; keep the tokens we have if the new content is unusable."""
        try:
            stamp = self._stat()
            if stamp != self._stamp:
                self._digests, self._stamp = self._read(), stamp
        except AccessError:
            return

    def _stat(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            raise AccessError(f"{self._path}: there is no such token file; {_recipe(self._path)}") from None
        except OSError as error:
            raise AccessError(f"{self._path}: the token file cannot be read ({error.strerror})") from error
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> tuple[bytes, ...]:
        return tuple(map(_digest, self._lines()))

    def _lines(self) -> list[str]:
        try:
            mode = self._path.stat().st_mode
            lines = [line.strip() for line in self._path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f"{self._path}: the token file cannot be read ({type(error).__name__})") from error
        tokens = [line for line in lines if line and not line.startswith("#")]
        if not 1 <= len(tokens) <= _MAXIMUM_TOKENS:
            raise AccessError(
                f"{self._path}: holds {len(tokens)} tokens; write one, or two while rotating; {_recipe(self._path)}"
            )
        if min(map(len, tokens)) < _MINIMUM_LENGTH:
            raise AccessError(
                f"{self._path}: a token is shorter than {_MINIMUM_LENGTH} characters; {_recipe(self._path)}"
            )
        if mode & _OTHERS:
            _log.warning("%s: others on this machine can read the tokens; run `chmod 600 %s`", self._path, self._path)
        return tokens


def _recipe(path: Path) -> str:
    return f"make one with `(umask 077; openssl rand -hex 32 > {path})`"


def _digest(token: str) -> bytes:
    """Hash a token, so that comparison time depends on neither its content nor its length."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
