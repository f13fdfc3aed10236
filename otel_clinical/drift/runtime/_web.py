"""Several uvicorn servers in one thread of their own, with sockets bound beforehand."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Sequence

import uvicorn
from starlette.applications import Starlette

from otel_clinical.access import Certificate
from otel_clinical.drift.runtime._connection import PatientProtocol

_GRACE_SECONDS = 5
_CONNECTIONS = 1024  # beyond them a request gets 503


class WebServers:
    """Serve each application on its socket until stopped.

    Args:
        sites: (bound socket, application) pairs.
        certificate: Serve HTTPS with it; None serves HTTP.
    """

    def __init__(self, sites: Sequence[tuple[socket.socket, Starlette]], certificate: Certificate | None) -> None:
        self._sockets = [bound for bound, _ in sites]
        self._servers = [uvicorn.Server(_config(app, certificate)) for _, app in sites]
        self._thread = threading.Thread(target=self._run, name="otel-clinical-web", daemon=True)

    def start(self) -> None:
        """Begin to serve; connections wait in the socket's backlog until the servers are up."""
        for bound in self._sockets:
            bound.listen(128)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Take no new connections and let the requests under way finish."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join(timeout)

    def _run(self) -> None:
        async def serve() -> None:
            pairs = zip(self._servers, self._sockets, strict=True)
            await asyncio.gather(*(server.serve(sockets=[bound]) for server, bound in pairs))

        asyncio.run(serve())


def _config(app: Starlette, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        ssl_certfile=None if certificate is None else certificate.chain,
        ssl_keyfile=None if certificate is None else certificate.key,
        ssl_ca_certs=None if certificate is None or certificate.clients is None else str(certificate.clients),
        ssl_cert_reqs=ssl.CERT_NONE if certificate is None or certificate.clients is None else ssl.CERT_REQUIRED,
        limit_concurrency=_CONNECTIONS,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever may write X-Forwarded-For could pass for any source, and for a new one with each request.
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
