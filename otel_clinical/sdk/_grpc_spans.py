"""The stock OTLP/gRPC exporter of spans, able to send spans that are already redacted and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_clinical.sdk._span_bytes import EncodedSpans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class GrpcSpanExporter(OTLPSpanExporter):
    """Send spans as the stock exporter does; it counts a batch by its length and has it translated at every try."""

    @property
    def takes_encoded(self) -> bool:
        """Tell whether the SDK in use lets written spans be sent; otherwise it has to write them itself."""
        return callable(getattr(OTLPSpanExporter, "_translate_data", None))

    def _translate_data(self, data: Sequence[ReadableSpan] | EncodedSpans) -> ExportTraceServiceRequest:
        if isinstance(data, EncodedSpans):
            return ExportTraceServiceRequest.FromString(data.body)
        return super()._translate_data(data)
