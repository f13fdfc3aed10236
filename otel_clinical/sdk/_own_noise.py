"""Keep what our own exports log, and what the SDK says about cut texts, from coming back as telemetry or as noise."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, get_value
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from otel_clinical.sdk._origin import is_own

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadWriteLogRecord

MAX_VALUE_LENGTH: Final = 256
"""Longest attribute value, in characters; the SDK has no limit of its own."""

_CUT: Final = "String attribute value exceeds max length of %d, truncating."


def exporting() -> bool:
    """Tell whether the SDK is exporting on this thread: it says so to instrumentation, which then keeps quiet."""
    return bool(get_value(_SUPPRESS_INSTRUMENTATION_KEY))


class LogProcessor(BatchLogRecordProcessor):
    """Queue records for export, but not those of other libraries that an export itself causes.

    With a root logger at DEBUG each export writes lines about its connection: exported in turn, they would have no end.
    """

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue a record."""
        if not exporting() or is_own(log_record.instrumentation_scope):
            super().on_emit(log_record)


@cache
def quiet_connections() -> None:
    """Drop what the HTTP library logs about our exports, where the queue is somebody else's."""
    logging.getLogger("urllib3.connectionpool").addFilter(lambda _: not exporting())


@cache
def quiet_cuts() -> None:
    """Drop the SDK's warning about every text that our limit cuts.

    An exception in somebody's span has a stack trace longer than the limit, so the warning comes with each. What is cut
    never leaves: events of spans are removed whole, and attributes that long are withheld. Warnings about other limits
    than ours stay.
    """
    logging.getLogger("opentelemetry.attributes").addFilter(
        lambda record: record.msg != _CUT or record.args != (MAX_VALUE_LENGTH,)
    )
