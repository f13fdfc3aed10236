"""Answer HTTP: commit a notification, say 202, and leave the rest to the worker."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from otel_clinical.rollback import faults
from otel_clinical.rollback.alerts import MalformedNotificationError, digest, load_json, parse_notification
from otel_clinical.rollback.handshakes import names_of
from otel_clinical.rollback.intake import Intake
from otel_clinical.rollback.interface import Interface
from otel_clinical.rollback.leaving import leaving
from otel_clinical.rollback.openapi import document
from otel_clinical.rollback.ordering import Ordering
from otel_clinical.rollback.persons import SCHEME
from otel_clinical.rollback.refusal import RequestRefusedError
from otel_clinical.rollback.store import CANNOT_STORE, Received
from otel_clinical.semconv.enums import RollbackAccessRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from otel_clinical.access import TokenFile
    from otel_clinical.rollback.alerts import Notification
    from otel_clinical.rollback.audit import AuditEvent
    from otel_clinical.rollback.persons import Persons
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.telemetry import Counters
    from otel_clinical.rollback.terms import Terms
    from otel_clinical.rollback.worker import Worker

MAX_BODY: Final = 1 << 20
BODY_TIMEOUT: Final = 10.0
_PAGE: Final = 1_000
_SMALL: Final = 1 << 14
"""Bytes of a body that takes less long to read than to hand to a thread."""
_log = logging.getLogger(__name__)


class _Answer(Exception):  # noqa: N818 -- carries a response, not a fault
    def __init__(self, code: int, problem: str) -> None:
        super().__init__(problem)
        self.code, self.problem = code, problem


class Receiver:
    """The controller's HTTP interface over its parts."""

    def __init__(
        self,
        terms: Mapping[str, Terms],
        tokens: TokenFile,
        store: Store,
        worker: Worker,
        *,
        counters: Counters,
        registry: CollectorRegistry,
        clock: Callable[[], float],
        unconfirmed: Callable[[], str | None],
        persons: Persons | None = None,
        callers: frozenset[str] = frozenset(),
        refused: Callable[[RollbackAccessRefusal], None] = lambda _kind: None,
    ) -> None:
        """`unconfirmed` says why the controller could not confirm an alert now, or None where it could.

        `callers` are the names in the certificates of those who may post alerts; without any, every caller may.
        `refused` is called with what was not believed.
        """
        self._callers, self._refused = callers, refused
        self._terms, self._tokens, self._store = terms, tokens, store
        self._worker, self._counters, self._registry, self._clock = worker, counters, registry, clock
        self._unconfirmed = unconfirmed
        self._intake = Intake(store.receive_all)
        self._interface = Interface(terms, store, worker, clock, persons)
        self._ordering = Ordering(terms, store, worker, clock)

    def app(self, pages: Sequence[BaseRoute] = ()) -> Starlette:
        """Return the ASGI application, with the pages for people beside the interface for machines."""
        return Starlette(
            routes=[
                Route("/v1/alertmanager", self._counted(self._notification), methods=["POST"]),
                Route("/v1/heartbeat", self._counted(self._heartbeat), methods=["POST"]),
                Route("/v1/openapi.json", self._guarded(self._document)),
                Route("/v1/models", self._asked(lambda _: self._interface.models())),
                Route("/v1/models/{model}", self._asked(lambda r: self._interface.model(r.path_params["model"]))),
                Route("/v1/models/{model}/{order}", self._guarded(self._order, signed=True), methods=["POST"]),
                Route("/v1/acts", self._asked(lambda r: self._interface.acts(r.query_params))),
                Route("/v1/incidents", self._asked(lambda r: self._interface.incidents(r.query_params))),
                Route("/v1/incidents/{id}/report", self._asked(lambda r: self._interface.report(r.path_params["id"]))),
                Route("/v1/incidents/{id}/{act}", self._guarded(self._act, signed=True), methods=["POST"]),
                Route("/v1/incidents/{id}", self._guarded(self._incident)),
                Route("/v1/audit", self._guarded(self._audit)),
                Route("/v1/audit/checkpoint", self._guarded(self._checkpoint)),
                Route("/v1/releases", self._guarded(self._releases)),
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
                Route("/metrics", self._metrics),
                *pages,
            ]
        )

    async def _notification(self, request: Request) -> Response:
        body = await self._body(request)
        try:
            notification = await self._parsed(body)
        except MalformedNotificationError as error:
            _log.warning("notification refused: %s", error)
            raise _Answer(400, str(error)) from None
        try:
            await self._intake.put(Received(digest(body), notification, self._clock()))
        except sqlite3.Error as error:
            raise _not_stored(error) from None
        faults.reach("after_webhook")
        for refused in notification.refused:
            _log.warning("alert %d refused: %s", refused.index, refused.problem)
        # What was cut off may be what matters: Prometheus knows it.
        self._worker.wake(pull=notification.truncated > 0)
        answer = {
            "accepted": len(notification.alerts),
            "ignored": notification.ignored,
            "refused": [asdict(refused) for refused in notification.refused],
        }
        return JSONResponse(answer, 202)

    async def _parsed(self, body: bytes) -> Notification:
        """Read a notification: a small one at once, a large one where it keeps nobody waiting."""
        if len(body) <= _SMALL:
            return parse_notification(body, self._terms)
        return await run_in_threadpool(parse_notification, body, self._terms)

    async def _heartbeat(self, request: Request) -> Response:
        body = await self._body(request)
        try:
            load_json(body)
        except MalformedNotificationError as error:
            raise _Answer(400, str(error)) from None
        await run_in_threadpool(self._commit, self._store.beat, self._clock())
        return JSONResponse({"heard": True}, 202)

    async def _document(self, request: Request) -> Response:
        del request
        return JSONResponse(document())

    async def _act(self, request: Request) -> Response:
        return await self._done(request, self._interface.act, request.path_params["id"], request.path_params["act"])

    async def _order(self, request: Request) -> Response:
        model, kind = request.path_params["model"], request.path_params["order"]
        return await self._done(request, self._ordering.order, model, kind, code=202)

    async def _done(
        self, request: Request, do: Callable[..., dict[str, Any]], about: str, kind: str, *, code: int = 200
    ) -> Response:
        """Let a person do something once: by the key of the request, under the name that signed it."""
        body, once = await self._body(request), request.headers.get("idempotency-key")
        signature, path = request.headers.get("authorization", ""), request.url.path
        try:
            person = self._interface.signer(signature, path, once, body) if _is_signed(request) else None
            answer = await run_in_threadpool(do, about, kind, once, body, person)
        except RequestRefusedError as error:
            raise _Answer(error.code, str(error)) from None
        except sqlite3.Error as error:
            raise _not_stored(error) from None
        return JSONResponse(answer, code)

    def _asked(self, ask: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
        """Return a guarded handler that answers what `ask` returns."""

        async def handler(request: Request) -> Response:
            try:
                return JSONResponse(await run_in_threadpool(ask, request))
            except RequestRefusedError as error:
                raise _Answer(error.code, str(error)) from None

        return self._guarded(handler)

    async def _incident(self, request: Request) -> Response:
        found = await run_in_threadpool(self._store.incident, request.path_params["id"])
        if found is None:
            raise _Answer(404, "no such incident")
        return JSONResponse(leaving(found))

    async def _audit(self, request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "0"))
        except ValueError:
            raise _Answer(400, "after is not a whole number") from None
        if not 0 <= after < 1 << 62:
            raise _Answer(400, "after is out of range")
        events = await run_in_threadpool(self._store.audit_events, after, _PAGE)
        head = await run_in_threadpool(self._store.audit_head)
        return JSONResponse({"events": [_told(event) for event in events], "head": asdict(head)})

    async def _checkpoint(self, request: Request) -> Response:
        del request
        signed = await run_in_threadpool(self._store.last_checkpoint)
        head = await run_in_threadpool(self._store.audit_head)
        return JSONResponse({"head": asdict(head), "checkpoint": asdict(signed) if signed else None})

    async def _releases(self, request: Request) -> Response:
        del request
        return JSONResponse(await run_in_threadpool(self._store.ledger))

    async def _alive(self, request: Request) -> Response:
        del request
        return JSONResponse({"alive": True})

    async def _ready(self, request: Request) -> Response:
        del request
        try:
            await run_in_threadpool(self._store.audit_head)
        except sqlite3.Error:
            return _not_ready("the state directory cannot be read")
        if self._store.problem:
            return _not_ready(CANNOT_STORE.format(self._store.problem))
        if not self._worker.working():
            return _not_ready("the worker does no turns; restart the controller with its state directory")
        problem = self._unconfirmed()
        return JSONResponse({"ready": True}) if problem is None else _not_ready(problem)

    async def _metrics(self, request: Request) -> Response:
        del request
        text = await run_in_threadpool(generate_latest, self._registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

    def _commit(self, write: Callable[..., None], *arguments: Any) -> None:
        """Write, or ask to be tried again: nothing is acknowledged that is not on disk."""
        try:
            write(*arguments)
        except sqlite3.Error as error:
            raise _not_stored(error) from None

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _Answer(415, "expected content type application/json")
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            raise _Answer(413, f"expected at most {MAX_BODY} bytes")
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                return await _read(request)
        except TimeoutError:
            raise _Answer(408, f"the body did not arrive within {BODY_TIMEOUT:g} s") from None

    def _guarded(
        self, handler: Callable[[Request], Awaitable[Response]], *, signed: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """Let a handler run only for who may speak, and turn its refusals into answers.

        `signed`: it takes requests that a person has signed as well, and checks the signature itself.
        """

        async def answer(request: Request) -> Response:
            try:
                known = signed and _is_signed(request)
                if not known and not self._tokens.accepts(request.headers.get("authorization")):
                    raise _Answer(401, "expected an active bearer token")  # noqa: TRY301 -- one way out for all
                return await handler(request)
            except _Answer as refused:
                headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "5"}}.get(refused.code)
                return JSONResponse({"error": refused.problem}, refused.code, headers=headers)

        return answer

    def _counted(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def called(request: Request) -> Response:
            if self._callers and not self._callers & names_of(request.scope):
                self._refused(RollbackAccessRefusal.CERTIFICATE)
                raise _Answer(403, "the certificate names nobody who may post here")
            return await handler(request)

        guarded = self._guarded(called)

        async def answer(request: Request) -> Response:
            response = await guarded(request)
            self._counters.webhook(response.status_code)
            return response

        return answer


def _not_stored(error: sqlite3.Error) -> _Answer:
    _log.error("cannot commit: %s", type(error).__name__)
    return _Answer(503, "the controller cannot store this now")


def _told(event: AuditEvent) -> dict[str, Any]:
    """Return an event as others may have it; its hash is of what was stored, figures of few included."""
    data = leaving(event.data)
    return {**asdict(event), "data": data, **({} if data == event.data else {"suppressed": True})}


def _is_signed(request: Request) -> bool:
    return request.headers.get("authorization", "").startswith(f"{SCHEME} ")


def _not_ready(reason: str) -> Response:
    """Say so; requests are accepted all the same, for what is stored now is decided later."""
    return JSONResponse({"ready": False, "reason": reason}, 503)


async def _read(request: Request) -> bytes:
    """Read a body of at most `MAX_BODY` bytes, whatever its headers promise."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _Answer(413, f"expected at most {MAX_BODY} bytes")
    return bytes(body)
