"""Make the exporters that `configure` uses unless it is given others."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from otel_clinical.sdk._metrics import CUMULATIVE

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_clinical.sdk._settings import Settings

_log = logging.getLogger(__name__)

_CREDENTIALS: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
)


@dataclass(frozen=True, slots=True)
class Exporters:
    """Where each signal goes after redaction; None sends it nowhere."""

    spans: SpanExporter | None = None
    events: LogRecordExporter | None = None
    metrics: MetricExporter | None = None


def otlp_exporters(settings: Settings) -> Exporters:
    """Return OTLP/HTTP exporters; they retry refused connections and the retryable status codes."""
    headers, timeout = dict(settings.headers), settings.timeout
    return Exporters(
        spans=OTLPSpanExporter(endpoint=settings.url("traces"), headers=headers, timeout=timeout),
        events=OTLPLogExporter(endpoint=settings.url("logs"), headers=headers, timeout=timeout),
        metrics=OTLPMetricExporter(
            endpoint=settings.url("metrics"),
            headers=headers,
            timeout=timeout,
            session=_metric_session(),
            preferred_temporality=CUMULATIVE,
        )
        if settings.push_metrics
        else None,
    )


def _metric_session() -> requests.Session | None:
    """Return a session that says when the receiver takes no metrics; None where the environment brings its own."""
    if any(os.environ.get(name) for name in _CREDENTIALS):
        return None
    session = requests.Session()
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
