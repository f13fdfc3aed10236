"""The stock OTLP/HTTP exporter of metrics, which never encodes for long at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

from otel_clinical.sdk._metric_slices import encode_in_slices

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData


class HttpMetricExporter(OTLPMetricExporter):
    """Send metrics as the stock exporter does, with its headers, TLS, compression, retries, timeout and size limit."""

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Send a batch."""
        whole = getattr(self, "_max_export_batch_size", 0) is None and hasattr(self, "_export_batch")
        if self._shutdown or not whole:  # it says so, or splits what it encodes
            return super().export(metrics_data, timeout_millis, **kwargs)
        try:
            request = encode_in_slices(metrics_data)
        except Exception:  # noqa: BLE001 -- it encodes by itself, and says what is wrong
            return super().export(metrics_data, timeout_millis, **kwargs)
        return self._export_batch(request)
