"""A FastAPI service that sets up when it starts and sends what is left when it stops.

Run: uvicorn fastapi_service:app
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from model import suggest_code

from otel_clinical import InputRefused, record_outcome
from otel_clinical.sdk import configure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Set up in the process that serves: with several workers, in each of them."""
    with configure("coding-service"):
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(InputRefused)
def refused(_: Request, refusal: InputRefused) -> JSONResponse:
    """Say which fields are at fault; never what was in them."""
    return JSONResponse({"fields": sorted({issue.field for issue in refusal.result.issues})}, status_code=422)


@app.post("/suggestions")
def suggest(encounter: dict[str, Any]) -> dict[str, Any]:
    """Suggest a code; the caller keeps the receipt beside it."""
    return suggest_code(encounter)


@app.post("/outcomes")
def outcome(report: dict[str, str]) -> Response:
    """Take the truth, minutes or weeks later."""
    recorded = record_outcome(report["receipt"], result=report["result"])
    return Response(status_code=204 if recorded else 422)
