"""Let numbers into telemetry only when they are numbers, finite and in range."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Final, cast

from otel_clinical.quality import as_number
from otel_clinical.semconv.enums import TelemetryRedactionReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ._telemetry import Telemetry

# float32 sums of probabilities miss 1 by this much.
_ROUNDING: Final = 1e-6
_NANOSECONDS: Final = 1_000_000_000
_YEAR: Final = 366 * 86400.0
_DAY: Final = 86400.0
# Year 2262: nanoseconds since the epoch still fit 63 bits.
_LATEST: Final = 9_223_372_036


class Withheld(ValueError):  # noqa: N818 -- says what happened to the value
    """A value that must not be exported, and why."""

    def __init__(self, reason: TelemetryRedactionReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def finite(value: object) -> float:
    """Return `value` as a finite float, else raise `Withheld`."""
    number = as_number(value)
    if number is None:
        raise Withheld(TelemetryRedactionReason.BAD_TYPE)
    if not math.isfinite(number):
        raise Withheld(TelemetryRedactionReason.NON_FINITE)
    return number


def ratio(value: object) -> float:
    """Return `value` as a float from 0 to 1, else raise `Withheld`."""
    number = finite(value)
    if not -_ROUNDING <= number <= 1 + _ROUNDING:
        raise Withheld(TelemetryRedactionReason.NOT_ALLOWED)
    return min(1.0, max(0.0, number))


def amount(value: object) -> float:
    """Return `value` as a float of 0 or more, else raise `Withheld`."""
    number = finite(value)
    if number < 0:
        raise Withheld(TelemetryRedactionReason.NOT_ALLOWED)
    return number


def lasting(value: object) -> float:
    """Return `value` as a duration in seconds, from 0 to a year, else raise `Withheld`."""
    number = amount(value)
    if number > _YEAR:
        raise Withheld(TelemetryRedactionReason.NOT_ALLOWED)
    return number


def unix_seconds(value: object) -> float:
    """Return a Unix time in seconds from a number or an aware `datetime`, else raise `Withheld`."""
    # Not imported: whoever gives one has, and nobody else should pay for it.
    kind = getattr(sys.modules.get("datetime"), "datetime", None)
    if kind is not None and isinstance(value, kind):
        moment = cast("datetime", value)
        if moment.tzinfo is None:  # a guess at the zone would move truth by hours
            raise Withheld(TelemetryRedactionReason.BAD_TYPE)
        return moment.timestamp()
    number = amount(value)
    if number > _LATEST:
        raise Withheld(TelemetryRedactionReason.NOT_ALLOWED)
    return number


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds without the rounding of one large product.

    >>> nanoseconds(1790000000.5)
    1790000000500000000
    """
    whole = int(seconds)
    return whole * _NANOSECONDS + round((seconds - whole) * _NANOSECONDS)


def optional_ratio(telemetry: Telemetry, value: object) -> float | None:
    """Return a ratio, or None after counting why there is none; None itself is not counted."""
    return _optional(telemetry, value, ratio)


def optional_attention(telemetry: Telemetry, value: object) -> float | None:
    """Return seconds of active work, 0 to a day, or None after counting why there is none; None is not counted."""
    return _optional(telemetry, value, _active)


def _active(value: object) -> float:
    number = amount(value)
    if number > _DAY:  # nobody looks at one answer for longer, but a record number may be as large
        raise Withheld(TelemetryRedactionReason.NOT_ALLOWED)
    return number


def _optional(telemetry: Telemetry, value: object, read: Callable[[object], float]) -> float | None:
    if value is None:
        return None
    try:
        return read(value)
    except Withheld as refusal:
        telemetry.withheld(refusal.reason)
        return None
