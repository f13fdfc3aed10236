"""Put the redaction before an exporter of a set-up that exists already."""

from __future__ import annotations

from typing import overload

from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from otel_clinical.sdk._environment import _tested_audience
from otel_clinical.sdk._logs import RedactingLogExporter
from otel_clinical.sdk._metrics import RedactingMetricExporter
from otel_clinical.sdk._settings import ConfigurationError
from otel_clinical.sdk._spans import RedactingSpanExporter


@overload
def redacted(exporter: SpanExporter) -> SpanExporter: ...
@overload
def redacted(exporter: LogRecordExporter) -> LogRecordExporter: ...
@overload
def redacted(exporter: MetricExporter) -> MetricExporter: ...
def redacted(exporter: object) -> SpanExporter | LogRecordExporter | MetricExporter:
    """Return an exporter that reduces what it gets to the allow-list and passes it on.

    For an application that has OpenTelemetry: ``BatchSpanProcessor(redacted(OTLPSpanExporter()))``. What is withheld is
    counted by the process-wide telemetry, and `OTEL_CLINICAL_POLICY` is read, as in a set-up by environment.

    Args:
        exporter: Exporter of spans, log records or metrics.

    Raises:
        ConfigurationError: it is none of these, or a marker came through the redaction.
        PolicyErrors: `OTEL_CLINICAL_POLICY` names a file that has mistakes.
    """
    audience = _tested_audience()
    if isinstance(exporter, SpanExporter):
        return RedactingSpanExporter(exporter, audience, audience)
    if isinstance(exporter, LogRecordExporter):
        return RedactingLogExporter(exporter, audience, audience)
    if isinstance(exporter, MetricExporter):
        return RedactingMetricExporter(exporter, audience, audience)
    raise ConfigurationError(f"{type(exporter).__qualname__} is no exporter of spans, log records or metrics")
