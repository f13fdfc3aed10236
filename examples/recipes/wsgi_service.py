"""A WSGI application for gunicorn.conf.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from model import suggest_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Suggest a code for the encounter in the body."""
    encounter = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(suggest_code(encounter)).encode()]
