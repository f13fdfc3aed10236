"""Write the few kinds of protobuf fields that redacted spans consist of.

The wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otel_clinical.sdk._rules import Value

_LENGTH_DELIMITED: Final = 2
_MORE: Final = 0x80
_NEGATIVE: Final = 1 << 64
_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(_MORE))
_double: Callable[[float], bytes] = struct.Struct("<d").pack


def varint(number: int) -> bytes:
    """Return a number of 0 or more, seven bits a byte, the lowest first.

    >>> varint(300).hex()
    'ac02'
    """
    if number < _MORE:
        return _ONE_BYTE[number]
    found = bytearray()
    while number >= _MORE:
        found.append(number & (_MORE - 1) | _MORE)
        number >>= 7
    found.append(number)
    return bytes(found)


def block(field: int, body: bytes) -> bytes:
    """Return a message, string or bytes as field number `field`, 1 to 15; an empty one too.

    >>> block(1, b"ab").hex()
    '0a026162'
    """
    return _ONE_BYTE[field << 3 | _LENGTH_DELIMITED] + varint(len(body)) + body


def enclosed(field: int, parts: Sequence[bytes]) -> list[bytes]:
    """Return the parts of a message with what goes before them as field number `field`, not yet joined.

    >>> b"".join(enclosed(1, [b"a", b"b"])) == block(1, b"ab")
    True
    """
    return [_ONE_BYTE[field << 3 | _LENGTH_DELIMITED] + varint(sum(map(len, parts))), *parts]


def text(field: int, value: str | None) -> bytes:
    """Return a string field, and nothing for an empty one, as proto3 wants it."""
    return block(field, value.encode()) if value else b""


def any_value(value: Value) -> bytes:
    """Return an OpenTelemetry `AnyValue` of a string, boolean, whole number of 64 bits, or float."""
    if isinstance(value, str):
        return block(1, value.encode())
    if isinstance(value, float):
        return b"\x21" + _double(value)
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    return b"\x18" + varint(value if value >= 0 else value + _NEGATIVE)


def key_value(field: int, key: str, value: Value) -> bytes:
    """Return an attribute as field number `field`; keys are few, and remembered."""
    return block(field, _key(key) + block(2, any_value(value)))


def key_values(field: int, found: Mapping[str, Value]) -> bytes:
    """Return attributes as the repeated field number `field`."""
    return b"".join([key_value(field, key, value) for key, value in found.items()])


@lru_cache(1024)
def _key(key: str) -> bytes:
    return text(1, key)
