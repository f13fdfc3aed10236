"""Read what a form sent: small, text only, each field once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

MAX_FORM: Final = 16_384
_MAX_FIELDS: Final = 20
_TIMEOUT: Final = 10.0


class BadFormError(ValueError):
    """What was sent is no form of ours."""


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; raises `BadFormError`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadFormError("expected a form")
    body = bytearray()
    try:
        async with asyncio.timeout(_TIMEOUT):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_FORM:
                    raise BadFormError(f"the form holds more than {MAX_FORM} bytes")
    except TimeoutError:
        raise BadFormError(f"the form did not arrive within {_TIMEOUT:g} s") from None
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=_MAX_FIELDS, errors="strict", keep_blank_values=True)
    except ValueError:
        raise BadFormError("the form is not text") from None
    return {name: values[0].strip() for name, values in fields.items() if len(values) == 1}


def own_path(path: str) -> str:
    """Return `path` where it leads to a page of ours, else the first page: a link must not lead people away.

    >>> own_path("/incidents/INC-1"), own_path("//evil.example"), own_path("https://evil.example")
    ('/incidents/INC-1', '/', '/')
    """
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else "/"
