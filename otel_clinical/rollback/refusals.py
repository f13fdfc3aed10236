"""Write into the audit who was refused, without letting anybody on the network fill it.

A refusal is only counted when it happens. Of each kind, source and hour the audit is told twice at most: that it
began, and how many there were once the hour is over; of sources beyond a bound only that there were others.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.persons import SCHEME
from otel_clinical.semconv.enums import RollbackAccessRefusal as Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from otel_clinical.rollback.store import Store

ACTION: Final = "access.refused"
SOURCES: Final = 20
"""Sources that are told apart in one hour."""
OTHERS: Final = "others"
_HOUR: Final = 3_600.0
_EVERY: Final = 5.0
_NOT_BELIEVED: Final = frozenset({401, 403})
_NOT_ALLOWED: Final = frozenset({409, 410})
_log = logging.getLogger(__name__)
_source: ContextVar[str] = ContextVar("source", default="")
_named: ContextVar[list[Kind] | None] = ContextVar("named", default=None)
"""What was refused of the request under way and is counted already."""


class Refusals:
    """Count refusals, and write them into the audit from a thread of their own. Thread-safe.

    Args:
        store: Whose audit is told.
        clock: Unix seconds.
        count: Called with each.
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], count: Callable[[Kind], None] = lambda _kind: None
    ) -> None:
        self._store, self._clock, self._count = store, clock, count
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._counts: dict[tuple[int, str, str], int] = {}
        self._told: dict[tuple[int, str, str], int] = {}

    def add(self, kind: Kind, source: str | None = None) -> None:
        """Count one refusal; `source` is by default whoever sent the request under way."""
        self._count(kind)
        if (named := _named.get()) is not None:
            named.append(kind)
        hour = int(self._clock() // _HOUR)
        source = _source.get() if source is None else source
        with self._lock:
            known = {of for at, _, of in self._counts if at == hour}
            key = (hour, kind.value, source if source in known or len(known) < SOURCES else OTHERS)
            self._counts[key] = self._counts.get(key, 0) + 1

    def flush(self, *, end: bool = False) -> None:
        """Write what is new; `end`: as if every hour were over. What cannot be written is tried again."""
        hour = int(self._clock() // _HOUR)
        with self._lock:
            found = dict(self._counts)
        for key, count in found.items():
            over = end or key[0] < hour
            told = self._told.get(key, 0)
            if (told == 0 or over) and count > told:
                try:
                    self._write(key, count)
                except sqlite3.Error as error:
                    _log.error("cannot write refusals into the audit: %s", type(error).__name__)
                    return
            if over:
                self._forget(key)

    def run(self) -> None:
        """Write until `stop` is called."""
        while not self._stopping.wait(_EVERY):
            self.flush()

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    def _write(self, key: tuple[int, str, str], count: int) -> None:
        hour, kind, source = key
        data = {"kind": kind, "source": source, "count": count, "hour": hour * _HOUR}
        self._store.note(ACTION, "controller", data, self._clock())
        self._told[key] = count

    def _forget(self, key: tuple[int, str, str]) -> None:
        with self._lock:
            if self._counts.get(key) == self._told.get(key):
                self._counts.pop(key)
                self._told.pop(key)


class Audited:
    """ASGI middleware that counts what was refused, by the address that asked."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app, self._refusals = app, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _source.set(scope["client"][0] if scope.get("client") else "")
        named: list[Kind] = []
        _named.set(named)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and not named:
                kind = _kind(scope, message["status"])
                if kind is not None:
                    self._refusals.add(kind)
            await send(message)

        await self._app(scope, receive, watched)


def _kind(scope: Scope, status: int) -> Kind | None:
    """Say what was not believed (a signature, a token, a visitor) or not allowed, None where nothing was refused."""
    path = scope["path"]
    if status in _NOT_BELIEVED:
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if authorization.startswith(f"{SCHEME} "):
            return Kind.SIGNATURE
        return Kind.TOKEN if path.startswith("/v1/") else Kind.PAGE
    if status not in _NOT_ALLOWED:
        return None
    if path.startswith("/a/"):
        return Kind.LINK
    return Kind.ORDER if path.startswith("/v1/models/") else Kind.ACT
