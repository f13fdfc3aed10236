"""Serve acknowledgement links: a GET shows and changes nothing, as mail scanners open every link; a POST acts once."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from otel_clinical.report import incident_report
from otel_clinical.rollback.acts import REASONS, Act, ActKind, ActRefusedError
from otel_clinical.rollback.leaving import leaving
from otel_clinical.rollback.links import Link, LinkError, Links
from otel_clinical.rollback.page._forms import BadFormError, read_form
from otel_clinical.rollback.page._plans import did, will_do
from otel_clinical.rollback.page._render import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from otel_clinical.rollback.page._content import Sources


class LinkPages:
    """The pages behind links."""

    def __init__(self, sources: Sources, links: Links) -> None:
        self._from, self._links = sources, links

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/a/{token}", self._show, methods=["GET"]),
            Route("/a/{token}", self._acknowledge, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        try:
            link = self._read(request)
        except LinkError as error:
            return _problem(410, str(error))
        return await self._page(request, link, 200, refused="", done=await self._used(link), entered={})

    async def _acknowledge(self, request: Request) -> Response:
        try:
            link = self._read(request)
            form = await read_form(request)
        except LinkError as error:
            return _problem(410, str(error))
        except BadFormError as error:
            return _problem(400, str(error))
        by = form.get("by", "")
        act = Act(link.incident, ActKind.ACKNOWLEDGE, by, f"link:{link.role}", form.get("reason", ""))
        try:
            await run_in_threadpool(self._from.store.act, act, self._from.clock(), link.nonce)
        except ActRefusedError as error:
            used = await self._used(link)
            return await self._page(request, link, 409, refused=str(error), done=used, entered=form)
        except sqlite3.Error:
            return _problem(503, "the controller cannot store this now; nothing was done. Try again")
        self._from.worker.wake()
        return await self._page(request, link, 200, refused="", done=by, entered={})

    def _read(self, request: Request) -> Link:
        return self._links.read(request.path_params["token"], self._from.clock())

    async def _used(self, link: Link) -> str:
        """Return who used the link, or an empty string."""
        return await run_in_threadpool(self._from.store.link_used_by, link.nonce)

    async def _page(
        self, request: Request, link: Link, code: int, *, refused: str, done: str, entered: Mapping[str, str]
    ) -> Response:
        found: dict[str, Any] | None = await run_in_threadpool(self._from.store.incident, link.incident)
        if found is None:
            return _problem(404, "there is no such incident")
        source, moments, shown = self._from, self._from.moments(), leaving(found)
        terms = source.terms.get(shown["key"]["model"])
        plans = {"did": did(shown, moments), "will_do": will_do(shown, terms, moments, held=source.held(shown))}
        report = incident_report(shown, zone=source.zone)
        told = {"report": report, "refused": refused, "done": done, "entered": entered, "moments": moments, **plans}
        reasons = REASONS[ActKind.ACKNOWLEDGE]
        return page("link", code, visitor=None, token=request.path_params["token"], reasons=reasons, **told)


def _problem(code: int, problem: str) -> Response:
    return page("problem", code, visitor=None, problem=problem)
