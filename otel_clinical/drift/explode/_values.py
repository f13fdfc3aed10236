"""Read attribute values of one record: typed, bounded, and refused by name, never by content."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Final

from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.semconv.enums import ProcessorRejection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

    Values = Mapping[str, AnyValue]

_LONGEST_TEXT: Final = 256
_KEYED: Final = re.compile("[0-9a-f]{32}")
_LARGEST_ORDINAL: Final = 2**31 - 1


class RefusedError(Exception):
    """A value breaks a rule.

    Args:
        reason: What it is counted as.
        detail: The rule, naming the attribute and never its content.
    """

    def __init__(self, reason: ProcessorRejection, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def text(values: Values, key: str) -> str:
    """Return a required text of 1 to 256 characters."""
    value = values.get(key)
    if value is None:
        raise bad(f"{key} is missing")
    if value.WhichOneof("value") != "string_value":
        raise bad(f"{key} is not text")
    word = value.string_value
    if not 0 < len(word) <= _LONGEST_TEXT:
        raise bad(f"{key} is empty or longer than {_LONGEST_TEXT} characters")
    return word


def number(values: Values, key: str) -> float | None:
    """Return a finite number, or None if it is not there."""
    value = values.get(key)
    if value is None:
        return None
    kind = value.WhichOneof("value")
    if kind == "double_value":
        found = value.double_value
    elif kind == "int_value":
        found = float(value.int_value)
    else:
        raise bad(f"{key} is not a number")
    if not math.isfinite(found):
        raise RefusedError(ProcessorRejection.NON_FINITE, f"{key} is not finite")
    return found


def share(values: Values, key: str) -> int:
    """Return a number from 0 to 1 in millionths, or `ABSENT` if it is not there."""
    found = number(values, key)
    if found is None:
        return ABSENT
    if not 0.0 <= found <= 1.0:
        raise bad(f"{key} is outside 0 to 1")
    return round(found * MICRO)


def ordinal(values: Values, key: str) -> int:
    """Return a count from 0 on; 0 if it is not there."""
    value = values.get(key)
    if value is None:
        return 0
    if value.WhichOneof("value") != "int_value" or not 0 <= value.int_value <= _LARGEST_ORDINAL:
        raise bad(f"{key} is not a whole number from 0 to {_LARGEST_ORDINAL}")
    return value.int_value


def identity(values: Values, key: str) -> int:
    """Return 64 bits that stand for a required identifier."""
    digest = hashlib.blake2b(text(values, key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def encounter(values: Values, key: str) -> int:
    """Return 64 bits, never 0, that stand for the keyed hash of an encounter.

    Anything but 32 hexadecimal digits may be the number of an encounter itself, and is not even hashed here.
    """
    word = text(values, key)
    if not _KEYED.fullmatch(word):
        raise bad(f"{key} is not 32 hexadecimal digits: no keyed hash")
    return int(word[:16], 16) or 1


def bad(detail: str) -> RefusedError:
    """Return the error for an attribute that is missing, mistyped or out of range."""
    return RefusedError(ProcessorRejection.BAD_ATTRIBUTE, detail)
