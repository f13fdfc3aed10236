"""Know the names in a client's certificate, and count those who could not even shake hands."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import Transport
    from collections.abc import Callable

    from starlette.types import Scope

_NAMES: Final = "certificate_names"


class CertifiedProtocol(H11Protocol):
    """One connection, whose requests carry the names in the certificate that its client has shown."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Note the subject's alternative names: DNS names, addresses and URIs alike."""
        super().connection_made(transport)
        shown = transport.get_extra_info("peercert") or {}
        names = frozenset(value for _kind, value in shown.get("subjectAltName", ()))
        self.app_state = {**self.app_state, _NAMES: names}


def names_of(scope: Scope) -> frozenset[str]:
    """Return the names in the certificate of whoever sent a request, none where no certificate was asked for."""
    found: frozenset[str] = scope.get("state", {}).get(_NAMES, frozenset())
    return found


def watch_handshakes(context: ssl.SSLContext, failed: Callable[[], None]) -> None:
    """Call `failed` whenever a client of `context` cannot complete its handshake: it never becomes a request."""

    class Watched(ssl.SSLObject):
        def do_handshake(self, *arguments: Any) -> None:
            try:
                super().do_handshake(*arguments)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError:
                failed()
                raise

    context.sslobject_class = Watched
