"""Senders that are too slow: how long a request may take to arrive, on both protocols."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
READ_SECONDS = 30.0
_TURN_SECONDS = 0.5


class PatientProtocol(H11Protocol):
    """An HTTP connection that is closed when the headers of a request do not arrive in time.

    The server below has a timer for connections that are idle between two requests and none for those that send a
    byte now and then.
    """

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect headers."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Go on expecting headers until they are complete; begin with the first byte of the next request."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and data:
            self._expect()
        else:
            self._arrived()

    def on_response_complete(self) -> None:
        """Expect the headers of a request that has begun to arrive behind the one before."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._arrived()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _arrived(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class Deadlines:
    """Call back for those who are not done in time, from one thread of its own."""

    def __init__(self) -> None:
        self._waiting: dict[object, tuple[float, Callable[[], object]]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otel-clinical-deadlines", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Call nobody back any more."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    @contextmanager
    def within(self, seconds: float, late: Callable[[], object]) -> Iterator[None]:
        """Call `late` once if the block takes longer than `seconds`."""
        key = object()
        self._waiting[key] = time.monotonic() + seconds, late
        try:
            yield
        finally:
            self._waiting.pop(key, None)

    def _run(self) -> None:
        while not self._stopped.wait(_TURN_SECONDS):
            now = time.monotonic()
            for key, (due, late) in list(self._waiting.items()):
                if now >= due and self._waiting.pop(key, None) is not None:
                    late()
