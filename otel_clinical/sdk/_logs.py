"""Redact log records on their way to an exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_clinical.sdk._foreign import FOREIGN
from otel_clinical.sdk._origin import is_own, redact_resource, redact_scope
from otel_clinical.sdk._rules import admit
from otel_clinical.semconv import allowlist, events
from otel_clinical.semconv.enums import TelemetryComponent, TelemetryRedactionReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otel_clinical.sdk._rules import Declared, Ledger


class RedactingLogExporter(LogRecordExporter):
    """Pass on our own events reduced to the allow-list, and of other records only that they happened.

    Fail closed: a record that cannot be redacted is dropped and counted.

    Args:
        exporter: Receives the reduced records.
        ledger: Counts what is withheld and what fails.
        declared: Values that segments may have; None admits any short value without unusual characters.
    """

    def __init__(self, exporter: LogRecordExporter, ledger: Ledger, declared: Declared | None = None) -> None:
        self._exporter = exporter
        self._ledger = ledger
        self._declared = declared

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Reduce and pass on a batch."""
        reduced = list(self._reduced(batch))
        return self._exporter.export(reduced) if reduced else LogRecordExportResult.SUCCESS

    def _reduced(self, batch: Sequence[ReadableLogRecord]) -> Iterator[ReadableLogRecord]:
        for record in batch:
            try:
                reduced = redact_log(record, self._ledger, self._declared)
            except Exception as error:  # noqa: BLE001 -- fail closed: what cannot be redacted does not leave
                self._ledger.failed(TelemetryComponent.REDACTOR, error)
            else:
                if reduced is not None:
                    yield reduced

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self._exporter.force_flush(timeout_millis)


def redact_log(record: ReadableLogRecord, ledger: Ledger, declared: Declared | None = None) -> ReadableLogRecord | None:
    """Return a new record without body or exception; None for one of ours that is no event of the registry."""
    own = is_own(record.instrumentation_scope)
    found = record.log_record
    if own and found.event_name not in events.DEFINITIONS:
        ledger.withheld(TelemetryRedactionReason.NOT_ALLOWED)
        return None
    kept = admit(found.attributes, allowlist.ATTRIBUTES, ledger, declared) if own else admit(found.attributes, FOREIGN)
    severity = found.severity_number
    return ReadableLogRecord(
        LogRecord(
            timestamp=found.timestamp,
            observed_timestamp=found.observed_timestamp,
            context=_context(found),
            severity_text=severity.name if severity is not None else None,
            severity_number=severity,
            attributes=kept,
            event_name=found.event_name if own else None,
        ),
        redact_resource(record.resource),
        redact_scope(record.instrumentation_scope),
    )


def _context(record: LogRecord) -> Context:
    flags = TraceFlags(record.trace_flags or 0)
    context = SpanContext(record.trace_id or 0, record.span_id or 0, is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(context), Context())
