"""Make the stock OTLP exporters, over HTTP or gRPC, for whoever puts the redaction before them.

Each is imported when it is wanted: gRPC alone takes a tenth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_clinical.sdk._exporters import Exporters
from otel_clinical.sdk._http_session import session_of
from otel_clinical.sdk._metrics import CUMULATIVE
from otel_clinical.sdk._no_metrics import metric_session
from otel_clinical.sdk._settings import GRPC

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_clinical.sdk._settings import Settings


def grpc_exporters(settings: Settings) -> Exporters:
    """Return OTLP/gRPC exporters."""
    options: dict[str, Any] = {
        "endpoint": settings.endpoint,
        "headers": dict(settings.headers) or None,
        "timeout": settings.timeout,
    }
    return Exporters(
        spans=span_exporter(GRPC, options),
        events=log_exporter(GRPC, options),
        metrics=metric_exporter(GRPC, options) if settings.push_metrics else None,
    )


def span_exporter(protocol: str, options: dict[str, Any]) -> SpanExporter:
    """Return an exporter of spans; `options` are those of the stock exporter."""
    if protocol == GRPC:
        from otel_clinical.sdk._grpc_spans import GrpcSpanExporter  # noqa: PLC0415

        return GrpcSpanExporter(**options)
    from otel_clinical.sdk._http_spans import HttpSpanExporter  # noqa: PLC0415

    return HttpSpanExporter(**{"session": session_of("TRACES"), **options})


def log_exporter(protocol: str, options: dict[str, Any]) -> LogRecordExporter:
    """Return an exporter of events; `options` are those of the stock exporter."""
    if protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Grpc  # noqa: PLC0415

        return Grpc(**options)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415

    return OTLPLogExporter(**{"session": session_of("LOGS"), **options})


def metric_exporter(protocol: str, options: dict[str, Any]) -> MetricExporter:
    """Return an exporter of metrics, cumulative; `options` are those of the stock exporter."""
    options = {"preferred_temporality": CUMULATIVE, **options}
    if protocol == GRPC:
        from otel_clinical.sdk._grpc_metrics import GrpcMetricExporter  # noqa: PLC0415

        return GrpcMetricExporter(**options)
    from otel_clinical.sdk._http_metrics import HttpMetricExporter  # noqa: PLC0415

    return HttpMetricExporter(**{"session": metric_session(), **options})
