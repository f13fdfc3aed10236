"""Serve metrics to Prometheus."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, start_http_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from otel_clinical.sdk._settings import PrometheusPage


_TAKEN: Final = (
    "the metrics page cannot be served on {where.host}:{where.port}; choose another port, as in "
    'metrics="prometheus:PORT" or OTEL_CLINICAL_METRICS=prometheus:PORT, one per process: several workers push instead '
    '(metrics="otlp")'
)


class SerialRegistry(CollectorRegistry):
    """Collect for one scrape at a time.

    The OpenTelemetry reader keeps collected points in one queue: of two scrapes at once, one would show every series
    twice and the other none.
    """

    def __init__(self) -> None:
        super().__init__(auto_describe=False)
        self._one = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Return the families as they are now."""
        with self._one:
            families = list(super().collect())
        yield from families


class Page:
    """A page with the metrics of one registry.

    Args:
        where: Host and port; port 0 takes a free one.
        registry: Collectors to expose; nothing else is on the page.

    Raises:
        OSError: the port is taken; the message says which, and what to do.
    """

    def __init__(self, where: PrometheusPage, registry: CollectorRegistry) -> None:
        try:
            self._server, self._thread = start_http_server(where.port, addr=where.host, registry=registry)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}: {_TAKEN.format(where=where)}") from error

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
