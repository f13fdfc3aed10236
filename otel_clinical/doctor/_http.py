"""Send an empty export by OTLP/HTTP."""

from __future__ import annotations

import ssl
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from otel_clinical.doctor._answer import Answer, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.doctor._options import Options

_BY_STATUS: Final = {
    HTTPStatus.UNAUTHORIZED: Verdict.NO_TOKEN,
    HTTPStatus.FORBIDDEN: Verdict.FORBIDDEN,
    HTTPStatus.NOT_FOUND: Verdict.MISSING,
    HTTPStatus.METHOD_NOT_ALLOWED: Verdict.MISSING,
    HTTPStatus.TOO_MANY_REQUESTS: Verdict.BUSY,
    HTTPStatus.BAD_GATEWAY: Verdict.BUSY,
    HTTPStatus.SERVICE_UNAVAILABLE: Verdict.BUSY,
    HTTPStatus.GATEWAY_TIMEOUT: Verdict.BUSY,
}
_PROTOBUF: Final = "application/x-protobuf"


def ask_http(url: str, options: Options) -> Answer:
    """Return what the receiver answers to an export of nothing."""
    headers = {**options.headers, "content-type": _PROTOBUF}
    before = time.time()
    try:
        answer = requests.post(
            url,
            data=b"",
            headers=headers,
            timeout=options.timeout,
            verify=str(options.ca_file) if options.ca_file else True,
            allow_redirects=False,
        )
    except (requests.RequestException, OSError) as error:
        return Answer(fault_of(error))
    return Answer(_verdict(answer.status_code), str(answer.status_code), clock_of(answer, before))


def _verdict(status: int) -> Verdict:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.ACCEPTED
    return _BY_STATUS.get(HTTPStatus(status), Verdict.ODD) if status in set(HTTPStatus) else Verdict.ODD


def clock_of(answer: requests.Response, before: float) -> float | None:
    """Return the server's clock minus ours in seconds, from its `Date` header; it says whole seconds only."""
    try:
        said = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    after = time.time()
    if said < int(before):
        return said + 1 - before
    return said - after if said > after else 0.0


def fault_of(error: BaseException) -> Verdict:
    """Return why there was no answer; the text of the error is not looked at beyond its kind."""
    causes = list(_causes(error))
    for kind, verdict in (
        (ssl.SSLCertVerificationError, Verdict.CERTIFICATE),
        (ssl.SSLError, Verdict.NOT_TLS),
        (requests.exceptions.SSLError, Verdict.CERTIFICATE),
        (requests.Timeout, Verdict.TIMEOUT),
        (NameResolutionError, Verdict.UNKNOWN_HOST),
        (NewConnectionError, Verdict.REFUSED),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return verdict
    return Verdict.NOT_SPOKEN


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it was raised for, however the libraries hid them."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
