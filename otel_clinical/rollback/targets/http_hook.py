"""Switch a version through a deployment system's own HTTP address, with signed requests."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any, Final

import httpx

from otel_clinical.rollback.targets._answer import read_active, read_convergence
from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._follow import Active, Conflicted, Convergence, Denied, Swapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIGNATURE: Final = "X-OtelClinical-Signature"
LONGEST_ANSWER: Final = 65_536
_MEANINGS: Final = {
    401: "it does not accept the signature; compare the secret and the clocks of both sides",
    403: "it does not allow it; grant it there",
    404: "there is nothing at this address; compare url",
    405: "it takes no such request; see docs/rollback.md for what it must answer",
}
_MINIMUM_SECRET: Final = 16
_REFUSED: Final = frozenset({401, 403, 404, 405, 422})
_CONFLICT: Final = frozenset({409, 412})


class HttpHook:
    """One address that answers GET with what serves and POST with a compare-and-swap.

    GET answers `{"version": …, "marker": …, "ready": …, "total": …}` with an `ETag`. POST is sent
    `{"version": …, "marker": …, "expect": …}` with `If-Match` (the entity tag), `Idempotency-Key` (the marker) and
    `X-OtelClinical-Signature: t=UNIX,v1=HEX`, the HMAC-SHA256 of `t.body` under the shared secret; it answers as GET
    does, or 409 or 412 where the tag is not the one that it has. GET is signed the same way, over `t.`.

    Args:
        url: The address; redirects are never followed.
        secret: File with the shared secret, read at each request so that it can be rotated.
        timeout: Seconds for a whole answer.
        clock: Unix seconds.
        transport: Another transport than the network, for tests of what no server can be made to do.
    """

    compares = True
    rehearses = False

    def __init__(
        self,
        url: str,
        secret: Path,
        *,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url, self._secret, self._clock = url, secret, clock
        self._timeout = timeout
        self._transport = transport

    def read(self) -> Active:
        """Ask what serves."""
        return self._taken(self._answered("GET", b"", {}))

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Ask for the change; the peer compares."""
        content = json.dumps({"version": version, "marker": marker, "expect": expect.token}).encode()
        headers = {"If-Match": expect.token, "Idempotency-Key": marker, "Content-Type": "application/json"}
        answer = self._sent("POST", content, headers)
        if answer.status_code in _CONFLICT:
            return Conflicted(self.read())
        if answer.status_code in _REFUSED:
            return Denied(f"{self._url} answered {answer.status_code} to a change{_hint(answer.status_code)}")
        seen = self._taken(self._accepted(answer))
        if (seen.version, seen.marker) != (version, marker):
            raise Unreachable(f"{self._url} accepted version {version} but says that {seen.version} serves")
        return Swapped(seen)

    def converged(self, version: str) -> Convergence:
        """Return `ready` of `total` as the peer counts them; without these, whether it names the version."""
        answer = self._answered("GET", b"", {})
        return read_convergence(answer.content, version, of=self._url)

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return why the address cannot be used."""
        del version
        try:
            if not self.read().token:
                return (f"{self._url} answers without an ETag: a swap could not be compared; add one",)
        except Unreachable as error:
            return (str(error),)
        return ()

    def _taken(self, answer: httpx.Response) -> Active:
        return read_active(answer.content, token=answer.headers.get("ETag", ""), of=self._url)

    def _answered(self, method: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        return self._accepted(self._sent(method, content, headers))

    def _accepted(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code != httpx.codes.OK:
            code = answer.status_code
            raise Unreachable(f"{self._url} answered {code}, expected 200{_hint(code)}")
        return answer

    def _sent(self, method: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        signed = headers | {SIGNATURE: sign(self._key(), content, at=int(self._clock()))}
        try:
            with (
                httpx.Client(timeout=self._timeout, transport=self._transport, trust_env=False) as client,
                client.stream(method, self._url, content=content, headers=signed) as answer,
            ):
                body = _bounded(answer, self._url, time.monotonic() + self._timeout)
                return httpx.Response(answer.status_code, headers=_kept(answer), content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self._url} does not answer ({type(error).__name__})") from error

    def _key(self) -> bytes:
        try:
            key = self._secret.read_bytes().strip()
        except OSError as error:
            raise Unreachable(
                f"{self._secret}: the shared secret cannot be read ({error.strerror}); secret_file names this file"
            ) from error
        if len(key) < _MINIMUM_SECRET:
            raise Unreachable(
                f"{self._secret}: the shared secret has {len(key)} characters, expected {_MINIMUM_SECRET} or more; "
                f"make one: (umask 077; openssl rand -hex 32 > {self._secret})"
            )
        return key


def sign(key: bytes, content: bytes, *, at: int) -> str:
    """Return the signature header of `content` sent at a Unix second.

    >>> sign(b"0123456789abcdef", b"{}", at=0)[:14]
    't=0,v1=67f763b'
    """
    digest = hmac.new(key, b"%d." % at + content, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _hint(code: int) -> str:
    """Say what an answer is likely to mean."""
    meaning = _MEANINGS.get(code)
    return f": {meaning}" if meaning else ""


def _bounded(answer: httpx.Response, url: str, deadline: float) -> bytes:
    """Read a body that is neither endless nor endlessly slow."""
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > LONGEST_ANSWER:
            raise Unreachable(f"{url} answered more than {LONGEST_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise Unreachable(f"{url} did not finish its answer in time")
    return body


def _kept(answer: httpx.Response) -> dict[str, Any]:
    return {"ETag": answer.headers["ETag"]} if "ETag" in answer.headers else {}
