"""Serve the pages. A GET changes nothing; a POST needs a visitor, a form of ours, and who and why."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from otel_clinical.report import render_html, render_json, render_markdown
from otel_clinical.rollback.acts import Act, ActKind, ActRefusedError
from otel_clinical.rollback.page import _content as content
from otel_clinical.rollback.page._forms import BadFormError, own_path, read_form
from otel_clinical.rollback.page._render import asset, download, elsewhere, page
from otel_clinical.rollback.page._visitors import COOKIE, SESSION, Visitor, Visitors, same_origin, valid_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

_MAX_SEQ: Final = 1 << 62
_BRIEF: Final = 64
_REPORTS: Final = {
    "html": (render_html, "text/html"),
    "md": (render_markdown, "text/markdown"),
    "json": (render_json, "application/json"),
}
_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """A request that is answered with a problem and changes nothing."""

    def __init__(self, code: int, problem: str) -> None:
        super().__init__(problem)
        self.code = code


class Pages:
    """The pages over their sources."""

    def __init__(self, sources: content.Sources, visitors: Visitors) -> None:
        self._from, self._visitors = sources, visitors

    def routes(self) -> list[Route]:
        """Return every route of the pages."""
        return [
            Route("/", self._seen(self._overview)),
            Route("/incidents", self._seen(self._incidents)),
            Route("/incidents/{id}", self._seen(self._incident)),
            Route("/incidents/{id}/report.{form}", self._seen(self._report)),
            Route("/incidents/{id}/{act}", self._act, methods=["POST"]),
            Route("/releases", self._seen(self._releases)),
            Route("/audit", self._seen(self._audit)),
            Route("/login", self._login_form, methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/page.css", self._asset),
            Route("/icon.svg", self._asset),
        ]

    async def _overview(self, request: Request, visitor: Visitor) -> Response:
        del request
        return page("overview", visitor=visitor, **await run_in_threadpool(content.overview, self._from))

    async def _incidents(self, request: Request, visitor: Visitor) -> Response:
        del request
        return page("incidents", visitor=visitor, **await run_in_threadpool(content.incident_index, self._from))

    async def _incident(self, request: Request, visitor: Visitor) -> Response:
        return await self._one(request.path_params["id"], visitor)

    async def _report(self, request: Request, visitor: Visitor) -> Response:
        key, form = request.path_params["id"], request.path_params["form"]
        found = await run_in_threadpool(content.report_of, self._from, key)
        if found is None or form not in _REPORTS:
            return _problem(404, "there is no such report", visitor)
        render, kind = _REPORTS[form]
        if render is render_html:
            drawn = await run_in_threadpool(content.drawing_of, self._from, key)
            return download(render_html(found, drawing=drawn), f"{found.id}.{form}", kind)
        return download(render(found), f"{found.id}.{form}", kind)

    async def _releases(self, request: Request, visitor: Visitor) -> Response:
        del request
        return page("releases", visitor=visitor, **await run_in_threadpool(content.releases, self._from))

    async def _audit(self, request: Request, visitor: Visitor) -> Response:
        before = request.query_params.get("before", "")
        if before and not (before.isdecimal() and 0 < int(before) < _MAX_SEQ):
            return _problem(400, "before is not the number of an audit event", visitor)
        about = request.query_params.get("about", "")[:_BRIEF]
        found = await run_in_threadpool(content.audit_page, self._from, int(before) if before else None, about)
        return page("audit", visitor=visitor, **found)

    async def _act(self, request: Request) -> Response:
        """Store what a person does, once, and show the incident as it is then."""
        visitor, key = self._visitors.of(request), request.path_params["id"]
        if visitor is None:
            return elsewhere(f"/login?next={quote(own_path('/incidents/' + key))}")
        try:
            act, form = await self._read_act(request, visitor)
            await run_in_threadpool(self._from.store.act, act, self._from.clock())
        except _RefusedError as error:
            return _problem(error.code, str(error), visitor)
        except ActRefusedError as error:
            return await self._one(key, visitor, 409, refused=str(error), entered=form, attempted=act.kind.value)
        except sqlite3.Error as error:
            _log.error("cannot store an act: %s", type(error).__name__)
            return _problem(503, "the controller cannot store this now; nothing was done. Try again", visitor)
        self._from.worker.wake()
        return elsewhere(f"/incidents/{quote(key)}#people")

    async def _read_act(self, request: Request, visitor: Visitor) -> tuple[Act, Mapping[str, str]]:
        """Return what a form of ours asks for; raises `_RefusedError`."""
        try:
            form = await read_form(request)
        except BadFormError as error:
            raise _RefusedError(400, str(error)) from None
        if not self._visitors.genuine(visitor, request, form.get("csrf", "")):
            raise _RefusedError(403, "this form is not of your session; open the incident again and repeat it")
        try:
            kind = ActKind(request.path_params["act"])
        except ValueError:
            raise _RefusedError(404, "there is no such act") from None
        # What others say about somebody is not theirs to change; beside a shared token the name is as typed.
        name = visitor.name if visitor.known else form.get("by", "")
        reason, note = form.get("reason", ""), form.get("note", "")
        return Act(request.path_params["id"], kind, name, visitor.method, reason, note), form

    async def _one(self, key: str, visitor: Visitor, code: int = 200, **extra: Any) -> Response:
        found = await run_in_threadpool(content.incident, self._from, key)
        if found is None:
            return _problem(404, "there is no such incident", visitor)
        told = {"refused": "", "entered": {}, "attempted": "", **extra}
        return page("incident", code, visitor=visitor, **found, **told)

    async def _login_form(self, request: Request) -> Response:
        following = own_path(request.query_params.get("next", "/"))
        if self._visitors.of(request) is not None:
            return elsewhere(following)
        return page("login", visitor=None, following=following, problem="", name="")

    async def _login(self, request: Request) -> Response:
        try:
            form = await read_form(request)
        except BadFormError as error:
            return _problem(400, str(error), None)
        following, name = own_path(form.get("next", "/")), form.get("name", "")
        if not same_origin(request):
            return _problem(403, "this form was not sent from this page; open it again", None)
        cookie = self._visitors.begin(form.get("token", ""), name) if valid_name(name) else None
        if cookie is None:
            problem = "That is not an active token." if valid_name(name) else "Say who you are: the audit keeps it."
            return page("login", 403, visitor=None, following=following, problem=problem, name=name)
        answer = elsewhere(following)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, max_age=int(SESSION), httponly=True, samesite="strict", secure=secure)
        return answer

    async def _logout(self, request: Request) -> Response:
        if not same_origin(request):
            return _problem(403, "this form was not sent from this page", None)
        answer = elsewhere("/login")
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    async def _asset(self, request: Request) -> Response:
        return asset(request.url.path.removeprefix("/"))

    def _seen(
        self, handler: Callable[[Request, Visitor], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Let a handler run for visitors only; send everybody else to the login."""

        async def answer(request: Request) -> Response:
            visitor = self._visitors.of(request)
            if visitor is None:
                return _please_log_in(request)
            try:
                return await handler(request, visitor)
            except sqlite3.Error as error:
                _log.error("cannot read the state directory: %s", type(error).__name__)
                return _problem(503, "the controller's state directory cannot be read", visitor)

        return answer


async def missing(request: Request, error: Exception) -> Response:
    """Answer for an address that is none: a page to whoever uses a browser, a word to programs."""
    del error
    if "text/html" in request.headers.get("accept", ""):
        return _problem(404, "there is no page at this address", None)
    return PlainTextResponse("Not Found", 404)


def _please_log_in(request: Request) -> Response:
    """Send somebody to the login, unless their session is only hidden.

    A strict cookie is not sent with a link from a mail or a chat. The page asks once more from itself, so that nobody
    who is logged in has to log in again at three in the morning.
    """
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("sec-fetch-site") == "cross-site":
        return page("again", visitor=None, here=here)
    return elsewhere(f"/login?next={quote(own_path(here))}")


def _problem(code: int, problem: str, visitor: Visitor | None) -> Response:
    return page("problem", code, visitor=visitor, problem=problem)
