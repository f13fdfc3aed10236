"""Render templates with the headers that keep a page to itself."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

_HEADERS: Final = {
    # No script, nothing from elsewhere, no frame around us: what is not listed is not allowed.
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def page(template: str, code: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; every value is escaped."""
    text = _environment().get_template(f"{template}.html.j2").render(**values)
    return HTMLResponse(text, code, headers=_HEADERS)


def fragment(template: str, **values: Any) -> str:
    """Return a part of a page; every value is escaped."""
    return _environment().get_template(f"{template}.html.j2").render(**values)


def elsewhere(path: str) -> RedirectResponse:
    """Send a browser to another page of ours, by GET."""
    return RedirectResponse(path, 303, headers=_HEADERS)


def download(text: str, name: str, kind: str) -> Response:
    """Let a browser keep a file; it is not shown as one of our pages."""
    headers = {**_HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=kind, headers=headers)


def asset(name: str) -> Response:
    """Return one of the files beside the templates."""
    content, kind = _asset(name)
    return Response(content, media_type=kind, headers={**_HEADERS, "cache-control": "max-age=300"})


@cache
def _asset(name: str) -> tuple[bytes, str]:
    content = files("otel_clinical.rollback.page").joinpath(f"templates/{name}").read_bytes()
    return content, {"css": "text/css", "svg": "image/svg+xml"}[name.rpartition(".")[2]]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("otel_clinical.rollback.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = lambda text: str(text).replace("_", " ")
    return environment
