"""Report harm, or what could have become harm; it is exported at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from otel_clinical._spelling import spelled
from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import SafetyEventSeverity, SafetyEventType

from ._arguments import result_reader
from ._event_fields import event_fields
from ._late import LateReport, claim_event_id, moment, required
from ._misuse import options_only
from ._recorded import Recorded, attempt, open_receipt
from ._report import report_after
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._receipt import Receipt
    from ._sink import Sink
    from ._telemetry import Telemetry

F = TypeVar("F")
# What did not reach a patient is a warning; everything else is an error.
_WARNINGS: Final = (SafetyEventSeverity.UNSAFE_CONDITION, SafetyEventSeverity.NEAR_MISS)


@spelled
def record_safety_event(
    receipt: Receipt | str,
    *,
    severity: SafetyEventSeverity | str,
    type: SafetyEventType | str = SafetyEventType.OTHER,  # noqa: A002 -- the field's own word
    at: object = None,
    event_id: str | None = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report harm or near harm in connection with an answer. Never raises.

    It is exported at once by a thread that gives up after 2 s; the caller does not wait. Where the process is about
    to end, call `flush`.

    Args:
        receipt: The receipt of the inference, or its text.
        severity: How far it went.
        type: What kind of event it was.
        at: When it happened, as Unix seconds or aware `datetime`; now otherwise.
        event_id: Hexadecimal id for reports that may be repeated; a repetition is not counted again.
        telemetry: Where to report; the process default otherwise.
    """
    where = telemetry or default_telemetry()

    def record() -> str:
        opened = open_receipt(where, receipt, at)
        grave, kind = (
            required(where, SafetyEventSeverity, severity, "record_safety_event: severity"),
            required(where, SafetyEventType, type, "record_safety_event: type"),
        )
        report = _SafetyReport(where, opened, claim_event_id(where, event_id), moment(at))
        report.severity, report.type = grave, kind
        where.put(report)
        where.flush_soon()
        return report.event_id

    return attempt(where, record)


@options_only('@safety_event(receipt="receipt", severity="severity")')
def safety_event(
    *,
    receipt: str = "receipt",
    severity: SafetyEventSeverity | str | Callable[[Any], object] | None = None,
    type: SafetyEventType | str | Callable[[Any], object] = SafetyEventType.OTHER,  # noqa: A002 -- the field's own word
    telemetry: Telemetry | None = None,
) -> Callable[[F], F]:
    """Report a safety event each time the decorated function returns.

    Args:
        receipt: Parameter (or dotted path) that holds the receipt.
        severity: A `SafetyEventSeverity`; or key, attribute or function of what the function returns; by default that
            itself.
        type: A `SafetyEventType`; or key, attribute or function of what the function returns.
        telemetry: Where to report; the process default otherwise.
    """
    readers = {
        "severity": result_reader(severity) if severity is not None else lambda returned: returned,
        "type": result_reader(type),
    }

    def record(found: Any, **values: Any) -> Recorded:
        return record_safety_event(found, telemetry=telemetry, **values)

    return report_after("safety_event", receipt, readers, record, telemetry)


class _SafetyReport(LateReport):
    """A safety event on its way to the background thread."""

    __slots__ = ("severity", "type")

    severity: SafetyEventSeverity
    type: SafetyEventType

    def derive(self, sink: Sink) -> None:
        """Write the event, then the point."""
        grave = (attributes.SAFETY_EVENT_SEVERITY, self.severity.value)
        kind = (attributes.SAFETY_EVENT_TYPE, self.type.value)
        fields = event_fields(self.receipt, self.event_id)
        fields.update((grave, kind))
        reached = self.severity not in _WARNINGS
        sink.emit(events.SAFETY_EVENT, fields, at=self.at, context=self.context, elevated=reached)
        sink.count(metrics.SAFETY_EVENTS, (*self.served, grave, kind), 1, self.context)
