"""From the body of a request to the journal: the part both protocols share."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from otel_clinical.drift.explode import (
    Exploded,
    PolicyIndex,
    Rejection,
    TooMuchError,
    explode_logs,
    explode_traces,
)
from otel_clinical.drift.runtime._entry import Entry, Quarantined, Signal
from otel_clinical.drift.runtime._pipeline import Work
from otel_clinical.drift.runtime._rates import RateLimit, source_of
from otel_clinical.drift.runtime._refusals import (
    OversizedError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
    UndecodableError,
)
from otel_clinical.drift.runtime.writer import Phase, Writer

_LOG = logging.getLogger(__name__)

MAXIMUM_BODY = 16 * 1024 * 1024
_IN_FLIGHT = 8 * MAXIMUM_BODY
DECODERS = 2
"""Requests taken apart at once: more would only wait for each other, each with all its objects in memory."""
_SET_BACK_SECONDS = 300.0  # as far ahead as the clock of a sender may be
_EXPLODE = {Signal.TRACES: explode_traces, Signal.LOGS: explode_logs}


@dataclass(frozen=True)
class Pending:
    """A request on its way to the journal.

    Attributes:
        durable: Resolves when it may be acknowledged, or carries an `UnavailableError`.
        rejections: Records in it that were refused, by reason.
    """

    durable: Future[None]
    rejections: Mapping[str, int]


class Budget:
    """The share of one request in the bytes that all requests together may hold; a context manager."""

    def __init__(self, pool: "_Pool", source: str) -> None:
        self._pool = pool
        self._source = source
        self._taken = 0

    def take(self, count: int) -> None:
        """Reserve `count` more bytes until the request ends.

        Raises:
            UnavailableError: All of it is in use, or this source uses half of it.
        """
        self._pool.change(count, self._source)
        self._taken += count

    def __enter__(self) -> Self:
        self._pool.under_way(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.under_way(-1)
        self._pool.change(-self._taken, self._source)


class _Pool:
    """Bytes in flight, over all requests, and how many requests they belong to.

    One source may have half of them: whoever announces bodies and does not send them leaves room for the others.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._share = size // 2
        self._of: Counter[str] = Counter()
        self.requests = 0
        self._lock = threading.Lock()

    def change(self, count: int, source: str) -> None:
        with self._lock:
            if count > self._free:
                raise UnavailableError("the processor is busy")
            if count > self._share - self._of[source]:
                raise UnavailableError("the processor is busy with what this source has not sent completely")
            self._free -= count
            self._of[source] += count
            if not self._of[source]:
                del self._of[source]

    def under_way(self, change: int) -> None:
        with self._lock:
            self.requests += change


class Intake:
    """Explode requests and hand them to the writer.

    Args:
        writer: Makes them durable.
        index: The policy, as the kernel looks names up in it.
        clock: Unix seconds; the time at which a request is taken to have arrived.
        rate: How often one source may send.
    """

    def __init__(
        self,
        writer: Writer,
        index: PolicyIndex,
        clock: Callable[[], float] = time.time,
        rate: RateLimit | None = None,
    ) -> None:
        self._rate = rate or RateLimit(None)
        self._writer = writer
        self._index = index
        self._clock = clock
        self._pool = _Pool(_IN_FLIGHT)
        self._turns = threading.BoundedSemaphore(DECODERS)
        writer.receiving = lambda: self._pool.requests

    @property
    def phase(self) -> Phase:
        """What the writer is doing; `UNTIMELY` if it would accept and the clock of this machine was set back.

        No event counts as newer than the moment it arrived, so a clock behind the newest event was right or ahead
        when that arrived. Going on would refuse, for good, everything as coming from the future.
        """
        found = self._writer.phase
        newest = self._writer.newest if found is Phase.READY else None
        return Phase.UNTIMELY if newest is not None and self._clock() < newest - _SET_BACK_SECONDS else found

    def admit(self, source: str) -> None:
        """Count one request of a source, before its body is read.

        Raises:
            RateLimitedError: It sends more often than it may.
        """
        wait = self._rate.wait(source)
        if wait > 0.0:
            raise RateLimitedError("this source sends more often than the processor lets it", wait)

    def budget(self, source: str) -> Budget:
        """Return a share of the memory for bodies for one request of a source, to be used as a context manager."""
        return Budget(self._pool, source_of(source))

    def accept(self, signal: Signal, body: bytes) -> Pending:
        """Explode one request and queue it for the journal.

        Raises:
            UndecodableError: Not a message of this service.
            OversizedError: It is made of more than a request may be.
            UnavailableError: Not now.
        """
        if self.phase is Phase.UNTIMELY:
            raise UnavailableError(f"{Phase.UNTIMELY}; set it right")
        received = self._clock()
        exploded = self._explode(signal, body, received)
        batch = exploded.batch
        entry = Entry(
            signal=signal,
            received=received,
            batch=b"",  # encoded with those that are written at the same time
            rejections={str(reason): count for reason, count in exploded.counts.items()},
            quarantined=tuple(_described(signal, rejection) for rejection in exploded.quarantine if rejection.digest),
        )
        refused = dict(Counter(str(rejection.reason) for rejection in exploded.quarantine))
        if not len(batch) and entry.is_empty():
            return Pending(_settled(), refused)
        return Pending(self._writer.submit(Work(entry, batch if len(batch) else None)), refused)

    def refused(self, signal: Signal, error: RefusedError) -> None:
        """Count a request that was refused as a whole, and describe it if its body was read."""
        if error.reason is None:
            return
        description = Quarantined(signal, error.reason, str(error), error.size, error.digest)
        self._writer.refuse(error.reason, description if error.size else None)

    def _explode(self, signal: Signal, body: bytes, received: float) -> Exploded:
        try:
            with self._turns:
                exploded = _EXPLODE[signal](body, received, self._index)
        except TooMuchError as error:
            raise OversizedError(str(error), body) from None
        except Exception as error:  # noqa: BLE001
            # A defect of ours must cost one request, and its text may quote the request: only its type gets out.
            _LOG.error("a request could not be taken apart: %s", type(error).__name__)
            raise UndecodableError("the request could not be taken apart", body) from None
        if exploded.undecodable:
            raise UndecodableError("; ".join(rejection.detail for rejection in exploded.rejections), body)
        return exploded


def _described(signal: Signal, rejection: Rejection) -> Quarantined:
    return Quarantined(signal, rejection.reason, rejection.detail, rejection.size, rejection.digest)


def _settled() -> Future[None]:
    """Return the future of a request that leaves nothing to write."""
    done: Future[None] = Future()
    done.set_result(None)
    return done
