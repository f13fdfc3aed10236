"""Let a value of a closed set into telemetry, and count what is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import TelemetryRedactionReason

from ._declared import plain_text

if TYPE_CHECKING:
    from enum import StrEnum

    from ._telemetry import Telemetry

E = TypeVar("E", bound="StrEnum")


def member(kind: type[E], value: object) -> E | None:
    """Return the member of a closed set, `_OTHER` where the set has it, else None; no code of the value runs."""
    if type(value) is kind:
        return value
    text = plain_text(value)
    if text is not None and text in kind._value2member_map_:
        return kind(text)
    return kind(OTHER) if OTHER in kind._value2member_map_ else None


def admit(telemetry: Telemetry, kind: type[E], value: object, asked: str, *, lost: str = "it was left out") -> E | None:
    """Return the member of a closed set as `member` does; count a value that is none and say it once.

    Args:
        telemetry: Where it is counted.
        kind: The closed set.
        value: What was given; None stays None. It is never shown.
        asked: Function and parameter, such as ``record_review: reason``.
        lost: What becomes of a value outside a set without `_OTHER`.
    """
    if value is None:
        return None
    found = member(kind, value)
    if found is None or (found == OTHER and plain_text(value) != OTHER):
        telemetry.withheld(TelemetryRedactionReason.NOT_ALLOWED)
        telemetry.say_once(not_a_word(kind, asked, lost if found is None else f"{OTHER} was recorded"))
    return found


def not_a_word(kind: type[StrEnum], asked: str, consequence: str) -> str:
    """Return the sentence about a word outside a closed set: the allowed words, never the given one."""
    return f"{asked} is not one of {', '.join(kind)}; {consequence}"
