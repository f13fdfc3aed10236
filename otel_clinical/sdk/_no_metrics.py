"""Say once, in words that help, that the receiver takes no metrics."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from otel_clinical.sdk._http_session import session_of

if TYPE_CHECKING:
    import requests

_log = logging.getLogger(__name__)


def metric_session() -> requests.Session | None:
    """Return a session that says when the receiver takes no metrics; None where the environment brings its own."""
    session = session_of("METRICS")
    if session is not None:
        session.hooks["response"].append(_NoMetrics())
    return session


class _NoMetrics:
    """Say once that the receiver does not know metrics; the exporter drops what the answer says."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self, answer: requests.Response, *_: Any, **__: Any) -> None:
        if answer.status_code == HTTPStatus.NOT_FOUND and not self._said:
            self._said = True
            _log.warning(
                "the receiver at the endpoint takes no metrics (404): is it a drift processor? Send through a "
                'Collector, or let Prometheus scrape this process: metrics="prometheus:PORT"'
            )
