"""Serve metrics to Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server

if TYPE_CHECKING:
    from otel_clinical.sdk._settings import PrometheusPage


class Page:
    """A page with the metrics of one registry.

    Args:
        where: Host and port; port 0 takes a free one.
        registry: Collectors to expose; nothing else is on the page.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, where: PrometheusPage, registry: CollectorRegistry) -> None:
        self._server, self._thread = start_http_server(where.port, addr=where.host, registry=registry)

    @property
    def address(self) -> tuple[str, int]:
        """Return the host and the port that the page is served on."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=1.0)
