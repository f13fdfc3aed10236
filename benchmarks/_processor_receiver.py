"""A receiver as everybody writes it: take a request over HTTP, make a dict of every span, answer. It keeps nothing.

It has the front of our processor: the same server, the same connection, the same reading of bodies. It decodes where it
reads, so that no hand-over between threads is charged to it. Prints its address as the processor does.
"""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from benchmarks._processor_load import LOGS, TRACES
from benchmarks._processor_stock import decode, decode_logs
from otel_clinical.access import Address
from otel_clinical.drift.runtime._body import whole
from otel_clinical.drift.runtime._connection import FILL
from otel_clinical.drift.runtime._listen import bind, port_of
from otel_clinical.drift.runtime._web import WebServers
from otel_clinical.drift.runtime.http import PROTOBUF

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request


def application() -> Starlette:
    """Return what receives spans and log records."""
    return Starlette(routes=[_route(TRACES, decode), _route(LOGS, decode_logs)])


def main() -> None:
    """Serve until told to stop."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with bind(Address("127.0.0.1", 0)) as bound:
        servers = WebServers([(bound, application())], None)
        servers.start()
        print(json.dumps({"http": f"127.0.0.1:{port_of(bound)}"}), flush=True)
        stopped.wait()
        servers.stop(10)


def _route(path: str, read: Callable[[bytes], object]) -> Route:
    async def endpoint(request: Request) -> Response:
        body = await whole(request, int(request.headers["content-length"]), request.scope["extensions"][FILL])
        read(body)
        return Response(b"", media_type=PROTOBUF)

    return Route(path, endpoint, methods=["POST"])


if __name__ == "__main__":
    main()
