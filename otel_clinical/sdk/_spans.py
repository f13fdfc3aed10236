"""Redact spans on their way to an exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status

from otel_clinical.instrument._slices import in_slices
from otel_clinical.sdk._foreign import FOREIGN
from otel_clinical.sdk._origin import is_own, redact_context, redact_resource, redact_scope
from otel_clinical.sdk._rules import admit
from otel_clinical.sdk._span_bytes import SpanEncoder
from otel_clinical.sdk._span_check import takes_encoded
from otel_clinical.sdk._span_rules import LINK, redact_name
from otel_clinical.semconv import allowlist
from otel_clinical.semconv.enums import TelemetryComponent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.trace import SpanContext

    from otel_clinical.sdk._rules import Declared, Ledger


class RedactingSpanExporter(SpanExporter):
    """Pass on spans reduced to the allow-list, whatever library made them.

    Fail closed: a span that cannot be redacted is dropped and counted.

    Args:
        exporter: Receives the reduced spans.
        ledger: Counts what is withheld and what fails.
        declared: Values that segments may have; None admits any short value without unusual characters.
    """

    def __init__(self, exporter: SpanExporter, ledger: Ledger, declared: Declared | None = None) -> None:
        self._exporter = exporter
        self._ledger = ledger
        self._declared = declared
        self._encode = SpanEncoder(ledger, declared) if takes_encoded(exporter) else None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Reduce and pass on a batch, written already where the exporter can take that."""
        reduced: Any = list(self._reduced(spans)) if self._encode is None else self._encode(spans)
        return self._exporter.export(reduced) if reduced else SpanExportResult.SUCCESS

    def _reduced(self, spans: Sequence[ReadableSpan]) -> Iterator[ReadableSpan]:
        for span in in_slices(spans):
            try:
                reduced = redact_span(span, self._ledger, self._declared)
            except Exception as error:  # noqa: BLE001 -- fail closed: what cannot be redacted does not leave
                self._ledger.failed(TelemetryComponent.REDACTOR, error)
            else:
                yield reduced

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self._exporter.force_flush(timeout_millis)


def redact_span(span: ReadableSpan, ledger: Ledger, declared: Declared | None = None) -> ReadableSpan:
    """Return a new span with only what the allow-list admits: no events, no trace state, no status description."""
    own = is_own(span.instrumentation_scope)
    kept = admit(span.attributes, allowlist.ATTRIBUTES, ledger, declared) if own else admit(span.attributes, FOREIGN)
    return ReadableSpan(
        name=redact_name(span.name, declared, own=own),
        context=redact_context(span.context),
        parent=redact_context(span.parent),
        resource=redact_resource(span.resource),
        attributes=kept,
        events=(),
        links=tuple(Link(_context(link), admit(link.attributes, LINK)) for link in span.links),
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=redact_scope(span.instrumentation_scope),
    )


def _context(link: Link) -> SpanContext:
    context = redact_context(link.context)
    if context is None:
        raise ValueError("a link without a span context")
    return context
