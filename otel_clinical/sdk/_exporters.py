"""Make the exporters that `configure` uses unless it is given others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

from otel_clinical.sdk._http_metrics import HttpMetricExporter
from otel_clinical.sdk._http_session import session_of
from otel_clinical.sdk._http_spans import HttpSpanExporter
from otel_clinical.sdk._metrics import CUMULATIVE
from otel_clinical.sdk._no_metrics import metric_session

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_clinical.sdk._settings import Settings


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
        spans=HttpSpanExporter(
            endpoint=settings.url("traces"), headers=headers, timeout=timeout, session=session_of("TRACES")
        ),
        events=OTLPLogExporter(
            endpoint=settings.url("logs"), headers=headers, timeout=timeout, session=session_of("LOGS")
        ),
        metrics=HttpMetricExporter(
            endpoint=settings.url("metrics"),
            headers=headers,
            timeout=timeout,
            session=metric_session(),
            preferred_temporality=CUMULATIVE,
        )
        if settings.push_metrics
        else None,
    )
