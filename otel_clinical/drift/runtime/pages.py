"""``/metrics`` and the health pages, on an address of their own."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from otel_clinical.access import TokenFile
from otel_clinical.drift.runtime._text import PageText
from otel_clinical.drift.runtime.writer import Phase


def health(phase: Callable[[], Phase]) -> list[Route]:
    """Return ``/healthz`` (the process answers) and ``/readyz`` (it would accept a request now)."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_request: Request) -> Response:
        now = phase()
        return PlainTextResponse(f"{now}\n", status_code=200 if now is Phase.READY else 503)

    return [Route("/healthz", alive), Route("/readyz", ready)]


def metrics_site(registry: CollectorRegistry, tokens: TokenFile | None, phase: Callable[[], Phase]) -> Starlette:
    """Return the application that Prometheus scrapes.

    Args:
        registry: What to show.
        tokens: Who may look; None lets everybody who can connect.
        phase: What the writer is doing, for the health pages.
    """
    text = PageText(registry)

    def scrape(request: Request) -> Response:  # not async: it runs in a worker thread, and may wait for the writer
        if tokens is not None and not tokens.accepts(request.headers.get("authorization")):
            return PlainTextResponse("show a token\n", 401, {"WWW-Authenticate": "Bearer"})
        body, content_type = text.answer(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/metrics", scrape), *health(phase)])
