"""The stock OTLP/gRPC exporter of metrics, which never encodes for long at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

from otel_clinical.sdk._metric_slices import encode_in_slices

if TYPE_CHECKING:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.sdk.metrics.export import MetricsData


class GrpcMetricExporter(OTLPMetricExporter):
    """Send metrics as the stock exporter does; it splits and retries what this returns."""

    def _translate_data(self, data: MetricsData) -> ExportMetricsServiceRequest:
        return encode_in_slices(data)
