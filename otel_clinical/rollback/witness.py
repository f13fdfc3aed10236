"""Tell others the head of the audit: whoever rewrites the database would have to rewrite their copies too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

from otel_clinical.semconv import attributes, events

if TYPE_CHECKING:
    from otel_clinical.rollback.signing import SignedCheckpoint

_log = logging.getLogger(__name__)
_NANOSECONDS: Final = 1_000_000_000


def witness(checkpoint: SignedCheckpoint) -> None:
    """Write a checkpoint into the log, and as an event to OTLP where the process exports logs."""
    _log.info("audit checkpoint %s", checkpoint.dumps())
    get_logger("otel_clinical.rollback").emit(
        LogRecord(
            timestamp=int(checkpoint.time * _NANOSECONDS),
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=events.ROLLBACK_AUDIT_CHECKPOINT,
            attributes={
                attributes.EVENT_ID: checkpoint.hash[:32],
                attributes.ROLLBACK_AUDIT_SEQUENCE: checkpoint.seq,
                attributes.ROLLBACK_AUDIT_HASH: checkpoint.hash,
                attributes.ROLLBACK_AUDIT_SIGNATURE: checkpoint.signature,
            },
        )
    )
