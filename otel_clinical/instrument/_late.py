"""What reviews and outcomes share: they arrive late and belong to an inference of the past."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import TelemetryComponent, TelemetryRedactionReason

from . import _ambient
from ._admit import admit, not_a_word
from ._declared import plain_text
from ._event_fields import new_event_id, receipt_context
from ._numbers import Withheld, nanoseconds, unix_seconds
from ._receipt_keys import current_keys
from ._recorded import Rejected, Rejection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum

    from otel_clinical.semconv import MetricDef

    from ._receipt import Receipt
    from ._sink import Labels, Sink
    from ._telemetry import Telemetry

E = TypeVar("E", bound="StrEnum")
MAX_DELAY_SECONDS: Final = 366 * 86400.0
"""Longest delay that is believed, unless receipts are accepted for longer."""

# Whole: the number of a record or an encounter has digits too, but not this many.
_EVENT_ID: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")
_LOST: Final = "nothing was recorded"
_NANOSECONDS: Final = 1_000_000_000


def required(telemetry: Telemetry, kind: type[E], value: object, asked: str) -> E:
    """Return a member of a closed set, else count, say once and reject; `asked` names function and parameter."""
    found = admit(telemetry, kind, value, asked, lost=_LOST)
    if found is None:
        telemetry.failed(TelemetryComponent.DECORATOR, "UnknownWord", not_a_word(kind, asked, _LOST))
        raise Rejected(Rejection.BAD_VALUE)
    return found


def moment(at: object) -> int:
    """Return the time of a report in ns: now, or as given in Unix seconds or as an aware `datetime`."""
    return _ambient.time_ns() if at is None else nanoseconds(unix_seconds(at))


def claim_event_id(telemetry: Telemetry, event_id: object) -> str:
    """Return the event id, made up when none is given; reject a repeated one, and what is too short to be random."""
    if event_id is None:
        return new_event_id()
    text = plain_text(event_id)
    if text is None or not _EVENT_ID.match(text):
        raise Withheld(TelemetryRedactionReason.PATTERN)
    if not telemetry.first_time(text):
        raise Rejected(Rejection.DUPLICATE)
    return text


class LateReport:
    """An event about an inference of the past, with its time in ns."""

    __slots__ = ("at", "context", "event_id", "receipt", "telemetry")

    def __init__(self, telemetry: Telemetry, receipt: Receipt, event_id: str, at: int) -> None:
        self.telemetry = telemetry
        self.receipt = receipt
        self.event_id = event_id
        self.at = at
        self.context = receipt_context(receipt)

    @property
    def served(self) -> Labels:
        """Model and version that answered."""
        return ((attributes.MODEL_NAME, self.receipt.model), (attributes.MODEL_VERSION, self.receipt.version))

    def segments(self) -> Iterator[Labels]:
        """Yield the labels of each segment of the inference."""
        for name, value in self.receipt.segments.items():
            yield (*self.served, (attributes.SEGMENT_NAME, name), (attributes.SEGMENT_VALUE, value))

    def observe_delay(self, sink: Sink, metric: MetricDef, labels: Labels) -> None:
        """Record the delay since the inference; one below zero or too long for a receipt is only counted."""
        delay = self.at / _NANOSECONDS - self.receipt.time
        if 0 <= delay <= max(MAX_DELAY_SECONDS, current_keys().max_age):
            sink.observe(metric, labels, delay, self.context)
        else:
            self.telemetry.failed(TelemetryComponent.RECEIPT, "ImplausibleDelay")
