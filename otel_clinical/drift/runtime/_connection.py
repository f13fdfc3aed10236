"""One HTTP connection of the processor: strict heads, bounded everything, bodies read straight into place."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from otel_clinical.drift.runtime import _patience

FILL = "otel_clinical.fill"
"""The ASGI extension that reads the rest of an announced body into a buffer of exactly its size."""
Fill = Callable[[memoryview], Coroutine[Any, Any, None]]

_PIECE = 16 * 1024  # read at once, except into the body of a request
_SILENT = 64 * 1024  # bytes without a complete head or any part of a body
_WAITING = 16  # requests that may be sent ahead of the answers
_VERSIONS = frozenset({"1.0", "1.1"})


@dataclass
class _Filling:
    """A buffer on its way to be full; `done` is cancelled when nobody waits for it any more."""

    room: memoryview
    done: asyncio.Future[None]


class PatientProtocol(HttpToolsProtocol, asyncio.BufferedProtocol):
    """An HTTP/1.1 connection for senders that are strangers.

    It is closed when a head does not arrive in time, whoever sends a byte now and then. Heads that two programs could
    read in two ways are refused. No more requests are sent ahead than a few, and what follows the last one of a
    connection is thrown away.

    An application that has asked for the memory of an announced body may have the rest of it read straight into one
    buffer (the extension `FILL`); the parser sees no more than the first piece of such a body.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._piece = memoryview(bytearray(_PIECE))
        self._filling: _Filling | None = None
        self._due: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._left = 0  # bytes of the body that neither the parser nor a buffer has got
        self._silent = 0
        self._begun = self._in_body = self._finished = False  # the request that is arriving
        self._deaf = False  # whatever comes is thrown away

    # -- the transport ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head."""
        super().connection_made(transport)
        self._expect()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Return where the next bytes go."""
        if self._filling is None:
            return self._piece
        return self._piece[: self._left] if self._filling.done.done() else self._filling.room

    def buffer_updated(self, nbytes: int) -> None:
        """Take the next bytes."""
        self._unset_keepalive_if_required()
        self._finished = False
        if self._filling is not None:
            self._fill(self._filling, nbytes)
        elif not self._deaf:
            self._parse(self._piece[:nbytes])
        if self._answering or (self._finished and not self._begun):
            self._arrived()
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._arrived()
        if self._filling is not None and not self._filling.done.done():
            self._filling.done.set_exception(ConnectionResetError("the sender went away"))
        super().connection_lost(exc)

    # -- the parser -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        if not self._deaf:
            self._begun = True
            super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field of the head; those behind a body tell nothing that we would want to know."""
        if not self._deaf and not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application."""
        if self._deaf:
            return
        self._left = self._checked_length()
        super().on_headers_complete()
        if len(self.pipeline) >= _WAITING or self.parser.should_upgrade():
            self.cycle.keep_alive = False
        self.scope["extensions"] = {FILL: self._filled}  # type: ignore[dict-item]
        self._in_body = True
        self._silent = 0

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._deaf:
            self._silent = 0
            self._left -= len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the last one of a connection ends what is listened to."""
        if not self._deaf:
            super().on_message_complete()
            self._complete()

    def on_response_complete(self) -> None:
        """Answer the next request that was sent ahead, or expect the rest of one that has begun to arrive."""
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()
        if self._begun and not self._answering:
            self._expect()

    # -- inside -----------------------------------------------------------------------------------------------

    @property
    def _answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # as its base says
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _parse(self, piece: memoryview) -> None:
        self._silent += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # what follows is of a protocol that is not spoken here
        except httptools.HttpParserError:
            self._refuse()
        else:
            if self._silent > _SILENT:
                self._refuse()

    def _checked_length(self) -> int:
        """Return the announced length of the body, 0 if there is none.

        Raises:
            ValueError: Two programs could read this head in two ways.
        """
        version = self.parser.get_http_version()
        hosts, lengths, codings = ([value for name, value in self.headers if name == wanted] for wanted in _DECISIVE)
        if version not in _VERSIONS or len(hosts) > 1 or (version == "1.1" and not hosts):
            raise ValueError("version or host")
        if len(lengths) + len(codings) > 1 or (lengths and not lengths[0].isdigit()):
            raise ValueError("length")
        if codings and (version != "1.1" or codings[0].lower() != b"chunked"):
            raise ValueError("transfer encoding")
        return int(lengths[0]) if lengths else 0

    def _complete(self) -> None:
        self._begun = self._in_body = False
        self._finished = True
        if not self.cycle.keep_alive:
            self._deaf = True

    def _refuse(self) -> None:
        """Answer 400 and close; behind a request that is still being answered, close after that answer."""
        if self._deaf:
            return
        self._deaf = True
        running = self._running
        if running is None or running.response_complete or (running is self.cycle and self._in_body):
            if running is None or running.response_complete or not running.response_started:
                self.send_400_response("Invalid HTTP request received.")
            else:
                self.transport.close()
        else:
            running.keep_alive = False
            self.pipeline.clear()

    async def _filled(self, buffer: memoryview) -> None:
        """Return when `buffer`, as long as what is left of the body, is full.

        Raises:
            ConnectionResetError: The sender went away.
        """
        had = len(self.cycle.body)
        if len(buffer) != had + self._left:
            raise ValueError(f"{had + self._left} bytes are left of the body; the buffer has {len(buffer)}")
        buffer[:had] = self.cycle.body
        self.cycle.body = bytearray()
        if not self._left:
            return
        if self.cycle.disconnected or self.transport.is_closing():
            raise ConnectionResetError("the sender went away")
        self.parser = httptools.HttpRequestParser(self)  # it begins anew behind this body
        self._filling = _Filling(buffer[had:], self.loop.create_future())
        self.flow.resume_reading()
        await self._filling.done

    def _fill(self, filling: _Filling, count: int) -> None:
        self._left -= count
        filling.room = filling.room[count:]
        if self._left:
            return
        self._filling = None
        self.cycle.more_body = False
        self._complete()
        if not filling.done.done():
            filling.done.set_result(None)

    def _expect(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(_patience.HEADER_SECONDS, self.transport.abort)

    def _arrived(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


_DECISIVE = (b"host", b"content-length", b"transfer-encoding")
