"""Check a receipt that nobody vouches for: made by hand, or read from a text without a signature.

Such a receipt may hold whatever somebody wrote into it, so its fields pass the rules that an inference passes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import RoutingLevel, TelemetryRedactionReason, UseCase

from ._declared import identifier, plain_text, segment_key
from ._numbers import Withheld, ratio, unix_seconds
from ._receipt_errors import MalformedReceiptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._receipt import Receipt
    from ._telemetry import Telemetry

_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_ACTIVATIONS: Final = 2**32


def checked_receipt(telemetry: Telemetry, receipt: Receipt) -> Receipt:
    """Return the receipt with declared segment values only, the others as `_OTHER` and counted.

    Raises:
        MalformedReceiptError: a field is not what an inference would have written.
    """
    try:
        sound = (
            _matches(_ID, receipt.inference_id)
            and _matches(_TRACEPARENT, receipt.traceparent)
            and identifier(receipt.model) is not None
            and identifier(receipt.version) is not None
            and type(receipt.activation) is int
            and 0 <= receipt.activation < _ACTIVATIONS
            and plain_text(receipt.use_case) in UseCase._value2member_map_
            and plain_text(receipt.route) in RoutingLevel._value2member_map_
        )
        confidence = None if receipt.confidence is None else ratio(receipt.confidence)
        issued = unix_seconds(receipt.time)
        segments = _declared(telemetry, receipt.segments)
    except (Withheld, ValueError):
        sound = False
    if not sound:
        raise MalformedReceiptError("receipt: a field is not what an inference writes")
    return replace(receipt, confidence=confidence, time=issued, segments=MappingProxyType(segments))


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return type(value) is str and pattern.match(value) is not None


def _declared(telemetry: Telemetry, segments: Mapping[str, object]) -> dict[str, str]:
    found = {}
    for name, value in segments.items():
        segment, key = segment_key(name)
        found[segment.value] = admitted = telemetry.declared.admit(key, value)
        if admitted is OTHER and value != OTHER:
            telemetry.withheld(TelemetryRedactionReason.NOT_DECLARED)
    return found
