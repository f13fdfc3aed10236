"""The stock OTLP/HTTP exporter of spans, able to send spans that are already redacted and written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE

from otel_clinical.sdk._span_bytes import EncodedSpans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_log = logging.getLogger(__name__)

_USED: Final = ("_client", "_metrics", "_max_request_size", "_shutdown")


class TooLargeError(Exception):
    """A request is larger than the receiver is meant to take."""


class HttpSpanExporter(OTLPSpanExporter):
    """Send spans as the stock exporter does, with its headers, TLS, compression, retries, timeout and size limit."""

    @property
    def takes_encoded(self) -> bool:
        """Tell whether the SDK in use lets written spans be sent; otherwise it has to write them itself."""
        return all(hasattr(self, name) for name in _USED)

    def export(self, spans: Sequence[ReadableSpan] | EncodedSpans) -> SpanExportResult:
        """Send a batch."""
        if not isinstance(spans, EncodedSpans):
            return super().export(spans)
        if self._shutdown:
            _log.warning("spans after the end of their exporter are not sent")
            return SpanExportResult.FAILURE
        with self._metrics.export_operation(len(spans)) as operation:
            if 0 < self._max_request_size < len(spans.body):
                _log.warning("a batch of spans of %d bytes exceeds max_request_size and is dropped", len(spans.body))
                operation.error = TooLargeError()
                return SpanExportResult.FAILURE
            answer = self._client.export(spans.body)
            if answer.success:
                return SpanExportResult.SUCCESS
            operation.error = answer.error
            if answer.status_code is not None:
                operation.error_attrs = {HTTP_RESPONSE_STATUS_CODE: answer.status_code}
            return SpanExportResult.FAILURE
