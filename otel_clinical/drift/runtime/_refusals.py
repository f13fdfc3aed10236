"""Every way a request can be refused, with the one answer each gets on both protocols."""

import hashlib
from typing import ClassVar

from otel_clinical.semconv.enums import ProcessorRejection


class RefusedError(Exception):
    """A request that is not accepted; the message is the sentence the sender reads.

    Args:
        message: Says what is wrong in our words, never in those of the request.
        body: What was sent, if it was read; only its size and hash are kept.

    Attributes:
        status: HTTP status code.
        code: gRPC status code, as its number.
        reason: The value it is counted under; None if it is not the sender's fault and may be sent again.
        size: Bytes of the body; 0 if it was not read.
        digest: SHA-256 of the body, hexadecimal.
    """

    status: ClassVar[int]
    code: ClassVar[int]
    reason: ClassVar[ProcessorRejection | None] = None

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.size = len(body)
        self.digest = hashlib.sha256(body).hexdigest()


class UndecodableError(RefusedError):
    """The body is not the protobuf message of this service. Permanent."""

    status, code, reason = 400, 3, ProcessorRejection.UNDECODABLE


class OversizedError(RefusedError):
    """The body is larger than a request may be. Permanent."""

    status, code, reason = 413, 8, ProcessorRejection.OVERSIZED


class WrongContentTypeError(RefusedError):
    """The body is announced as something we do not read. Permanent."""

    status, code, reason = 415, 3, ProcessorRejection.WRONG_CONTENT_TYPE


class UnauthenticatedError(RefusedError):
    """No active bearer token was shown."""

    status, code, reason = 401, 16, ProcessorRejection.UNAUTHENTICATED


class RateLimitedError(RefusedError):
    """This source sends more often than it may. Send it again later.

    Args:
        message: Says so.
        wait: Seconds after which it will be accepted.
    """

    status, code, reason = 429, 8, ProcessorRejection.RATE_LIMITED

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class UnavailableError(RefusedError):
    """Not now: starting, stopping, too busy, or the disk takes no writes. Send it again."""

    status, code = 503, 14
