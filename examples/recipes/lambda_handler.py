"""AWS Lambda: the process is frozen when the handler returns, so everything is sent before.

Handler: lambda_handler.handler
"""

from __future__ import annotations

from typing import Any

from model import suggest_code

from otel_clinical import flush
from otel_clinical.sdk import configure

configure("coding-lambda")  # once per execution environment, outside the handler
FLUSH_SECONDS = 2.0


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Suggest a code; nothing waits in the process when it is frozen."""
    try:
        return suggest_code(event)
    finally:
        flush(FLUSH_SECONDS)  # bounded: a dead receiver costs this long and no longer
