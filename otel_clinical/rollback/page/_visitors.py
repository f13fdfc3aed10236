"""Know who looks at a page: a session after a token was shown, a named proxy's word, or a certificate; nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.handshakes import names_of
from otel_clinical.semconv.enums import RollbackAccessRefusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from otel_clinical.access import TokenFile

COOKIE: Final = "otel_clinical_session"
SESSION: Final = 12 * 3_600.0
"""Seconds after which a person shows the token again: one shift."""
MAX_NAME: Final = 128
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Proxy:
    """The one address whose `header` says who somebody is; with `certificate` it must show one of that name as well."""

    address: str
    header: str
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may look. `method`: token (the name is as typed), proxy, certificate. `csrf` goes into each form."""

    name: str
    method: str
    csrf: str

    @property
    def known(self) -> bool:
        """Tell whether somebody else vouches for the name, so that it is not theirs to change."""
        return self.method != "token"


class Visitors:
    """Tell who sends a request, and make sessions.

    Args:
        key: Secret of at least 16 bytes that signs sessions and forms.
        tokens: Bearer tokens that open the pages; a session ends when its token is retired.
        clock: Unix seconds.
        proxy: Whose identity header is believed.
        refused: Called with what was not believed.
        certificates: Whether the mail address in a certificate says who somebody is.
    """

    def __init__(
        self,
        key: bytes,
        tokens: TokenFile,
        clock: Callable[[], float],
        proxy: Proxy | None = None,
        refused: Callable[[RollbackAccessRefusal], None] = lambda _: None,
        *,
        certificates: bool = False,
    ) -> None:
        self._certificates = certificates
        self._key, self._tokens, self._clock = key, tokens, clock
        self._proxy, self._refused = proxy, refused

    def of(self, request: Request) -> Visitor | None:
        """Return who sends `request`, or None."""
        known = self._by_proxy(request) or self._by_certificate(request)
        return known or self._by_session(request.cookies.get(COOKIE, ""))

    def begin(self, token: str, name: str) -> str | None:
        """Return the cookie of a new session, or None where the token is not an active one."""
        if not self._tokens.accepts(f"Bearer {token}"):
            self._refused(RollbackAccessRefusal.LOGIN)
            return None
        content = {"n": name, "t": self._tokens.fingerprint(token), "x": self._clock() + SESSION}
        text = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
        return f"{text}.{self._sign('session', text)}"

    def genuine(self, visitor: Visitor, request: Request, shown: str) -> bool:
        """Tell whether a form that was sent is one that this visitor was given, on a page of ours."""
        given = hmac.compare_digest(visitor.csrf.encode(), shown.encode("utf-8", "replace"))
        if given and same_origin(request):
            return True
        self._refused(RollbackAccessRefusal.FORM)
        return False

    def _by_session(self, cookie: str) -> Visitor | None:
        text, _, signature = cookie.partition(".")
        if not hmac.compare_digest(self._sign("session", text).encode(), signature.encode("utf-8", "replace")):
            return None
        content = json.loads(base64.urlsafe_b64decode(text))
        if self._clock() >= content["x"] or not self._tokens.active(content["t"]):
            return None
        return Visitor(content["n"], "token", self._sign("csrf", text))

    def _by_certificate(self, request: Request) -> Visitor | None:
        """Believe the one mail address in a certificate that our own authority has signed."""
        if not self._certificates:
            return None
        people = [name for name in names_of(request.scope) if "@" in name and valid_name(name)]
        if len(people) != 1:
            return None
        return Visitor(people[0], "certificate", self._sign("csrf-certificate", people[0]))

    def _by_proxy(self, request: Request) -> Visitor | None:
        """Believe the proxy's header from the proxy's own address, and count it from anywhere else."""
        if self._proxy is None:
            return None
        found = request.headers.getlist(self._proxy.header)
        if not found:
            return None
        here = request.client.host if request.client else ""
        # Two values are two opinions about who it is: a proxy that appends what the client sent would be fooled.
        shown = not self._proxy.certificate or self._proxy.certificate in names_of(request.scope)
        if here != self._proxy.address or not shown or len(found) != 1 or not valid_name(found[0].strip()):
            self._refused(RollbackAccessRefusal.IDENTITY_HEADER)
            return None
        name = found[0].strip()
        return Visitor(name, "proxy", self._sign("csrf-proxy", name))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def valid_name(name: str) -> bool:
    """Tell whether a name can stand in the audit."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def same_origin(request: Request) -> bool:
    """Tell whether the browser says that a form was sent from one of our own pages.

    A browser that says nothing has no cookie of ours that could be abused from elsewhere: ours is SameSite=Strict.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


def page_key(state: Path) -> bytes:
    """Return the secret of the pages, made the first time; sessions outlive a restart."""
    path = state / "page.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) >= _KEY_BYTES:
            return key
        # It was cut short by a crash: nobody holds a session of it.
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(_KEY_BYTES)
        file.write(key)
    return key
