"""Sign links that let one person acknowledge one incident, once, until they expire."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Final

LIFE: Final = 24 * 3_600.0
"""Seconds for which a link works: longer than any shift that could have been told of it."""
_LONGEST: Final = 1_024


class LinkError(ValueError):
    """A link that opens nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is for. `nonce` is its own and is used once; `expires` in Unix seconds."""

    incident: str
    role: str
    expires: float
    nonce: str


class Links:
    """Make and read links with a secret `key` of at least 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, incident: str, role: str, now: float, *, nonce: str | None = None) -> str:
        """Return the token of a link for `role`, which works for a day."""
        content = [incident, role, round(now + LIFE), nonce or secrets.token_urlsafe(12)]
        text = _encoded(json.dumps(content, separators=(",", ":")).encode())
        return f"{text}.{self._signature(text)}"

    def read(self, token: str, now: float) -> Link:
        """Return what a token is for.

        Raises:
            LinkError: it is not of ours, or has expired.
        """
        text, _, signature = token[:_LONGEST].partition(".")
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode("utf-8", "replace")):
            raise LinkError("this link is not one of ours, or was cut off when it was copied")
        incident, role, expires, nonce = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if now >= expires:
            raise LinkError("this link has expired; open the incident on the page of the controller")
        return Link(incident, role, expires, nonce)

    def _signature(self, text: str) -> str:
        signed = hmac.new(self._key, f"acknowledge\0{text}".encode("utf-8", "replace"), hashlib.sha256)
        return _encoded(signed.digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
