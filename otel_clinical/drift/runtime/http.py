"""OTLP over HTTP: ``/v1/traces`` and ``/v1/logs``, protobuf, plain or gzip."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from otel_clinical.access import TokenFile
from otel_clinical.drift.runtime import _answers
from otel_clinical.drift.runtime._body import whole
from otel_clinical.drift.runtime._connection import FILL
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._gzip import CorruptBodyError, TooLargeError, gunzip
from otel_clinical.drift.runtime._patience import READ_SECONDS
from otel_clinical.drift.runtime._refusals import (
    OversizedError,
    RateLimitedError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
    UndecodableError,
    WrongContentTypeError,
)
from otel_clinical.drift.runtime.intake import DECODERS, MAXIMUM_BODY, Budget, Intake, Pending
from otel_clinical.drift.runtime.pages import health

PROTOBUF = "application/x-protobuf"
_RETRY_AFTER_SECONDS = "1"
_COMMIT_SECONDS = 4.0  # exporters wait for 5: a later answer would only make a duplicate
_METRICS_HINT = "the drift processor takes /v1/traces and /v1/logs; send metrics to your metrics backend\n"

Endpoint = Callable[[Request], Awaitable[Response]]


def receiver(intake: Intake, tokens: TokenFile | None) -> Starlette:
    """Return the application that receives OTLP/HTTP.

    Args:
        intake: Where requests go.
        tokens: Who may send; None lets everybody who can connect.
    """
    decoding = asyncio.Semaphore(DECODERS)

    def export(signal: Signal) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                _authenticate(request, tokens)
                intake.admit(_source(request))
                body = await _export(request, signal, intake, decoding)
            except RefusedError as error:
                intake.refused(signal, error)
                return _refusal(request, error)
            return Response(body, media_type=PROTOBUF)

        return endpoint

    return Starlette(
        routes=[
            Route("/v1/traces", export(Signal.TRACES), methods=["POST"]),
            Route("/v1/logs", export(Signal.LOGS), methods=["POST"]),
            Route("/v1/metrics", _no_metrics, methods=["POST"]),
            *health(lambda: intake.phase),
        ]
    )


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _authenticate(request: Request, tokens: TokenFile | None) -> None:
    if tokens is not None and not tokens.accepts(request.headers.get("authorization")):
        raise UnauthenticatedError("show a token: Authorization: Bearer ...")


async def _export(request: Request, signal: Signal, intake: Intake, decoding: asyncio.Semaphore) -> bytes:
    """Read, decode, journal; return the body of the answer."""
    encoding, announced = _check_headers(request)
    with intake.budget(_source(request)) as budget:
        budget.take(announced)
        raw = await _read(request, budget, announced)
        async with decoding:
            pending = await asyncio.to_thread(_decode, intake, signal, raw, encoding, budget)
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await asyncio.wrap_future(pending.durable)
        except TimeoutError as error:
            raise UnavailableError("the journal did not take the request in time") from error
    return _answers.accepted(signal, pending.rejections)


def _check_headers(request: Request) -> tuple[str, int]:
    """Return the content encoding and the announced length, 0 if there is none.

    Raises:
        WrongContentTypeError: Neither protobuf nor one of the encodings we read.
        OversizedError: The announced length already says so.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != PROTOBUF:
        raise WrongContentTypeError(f"send OTLP as {PROTOBUF}; JSON and other types are not read here")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise WrongContentTypeError("send the body plain or with Content-Encoding: gzip")
    length = request.headers.get("content-length", "0")
    announced = int(length) if length.isdigit() else 0
    if announced > MAXIMUM_BODY:
        raise OversizedError(f"the body has {length} bytes; a request may have {MAXIMUM_BODY}")
    return encoding, announced


async def _read(request: Request, budget: Budget, announced: int) -> bytes:
    """Return the body, never holding more than the limits allow; `announced` bytes of it are in the budget."""
    fill = request.scope.get("extensions", {}).get(FILL) if announced else None
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await (_collect(request, budget, announced) if fill is None else whole(request, announced, fill))
    except TimeoutError as error:
        raise UnavailableError(f"the body did not arrive within {READ_SECONDS:g} seconds") from error
    except (ClientDisconnect, ConnectionResetError) as error:
        raise UnavailableError("the sender went away before the end of the body") from error


async def _collect(request: Request, budget: Budget, announced: int) -> bytes:
    """Return a body that comes in pieces, charging each as it comes."""
    chunks: list[bytes] = []
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > MAXIMUM_BODY:
            raise OversizedError(f"the body has more than the {MAXIMUM_BODY} bytes that a request may have")
        budget.take(max(0, min(len(chunk), total - announced)))
        chunks.append(chunk)
    return b"".join(chunks)


def _decode(intake: Intake, signal: Signal, raw: bytes, encoding: str, budget: Budget) -> Pending:
    """Decompress and hand over; runs in a worker thread."""
    body = raw
    if encoding == "gzip":
        try:
            body = gunzip(raw, MAXIMUM_BODY)
        except TooLargeError as error:
            raise OversizedError(str(error), raw) from error
        except CorruptBodyError as error:
            raise UndecodableError(str(error), raw) from error
        budget.take(len(body))
    return intake.accept(signal, body)


def _refusal(request: Request, error: RefusedError) -> Response:
    """Answer with a status, in protobuf to a sender of protobuf and in JSON to everybody else."""
    headers = {}
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = _RETRY_AFTER_SECONDS
        headers["Connection"] = "close"  # the body may still be on its way
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(math.ceil(error.wait))
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if request.headers.get("content-type", "").startswith(PROTOBUF):
        return Response(_answers.refused(error), error.status, headers, PROTOBUF)
    return JSONResponse({"code": error.code, "message": str(error)}, error.status, headers)


async def _no_metrics(_request: Request) -> Response:
    return PlainTextResponse(_METRICS_HINT, status_code=404)
