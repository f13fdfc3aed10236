"""Read fields and numbers from records of any type without evaluating them further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class _Missing:
    """The type of `MISSING`."""


MISSING: Final = _Missing()
"""Stands for a field that a record does not have; `None` may be a value."""

_NEVER_A_RECORD = (str, bytes, bytearray, list, tuple, set, frozenset)


def read_field(record: object, name: str) -> object:
    """Return a field of a mapping or an attribute of an object, else `MISSING`.

    Nothing of the record is printed, compared or iterated.

    >>> read_field({"age": 40}, "age")
    40
    >>> read_field({"age": 40}, "weight") is MISSING
    True
    """
    if type(record) is dict:
        return record.get(name, MISSING)
    if isinstance(record, Mapping):
        return _item(record, name)
    found: object = getattr(record, name, MISSING)
    if found is MISSING and not isinstance(record, _NEVER_A_RECORD) and hasattr(type(record), "__getitem__"):
        return _item(record, name)
    return found


def _item(record: object, name: str) -> object:
    try:
        found: object = record[name]  # type: ignore[index]
    except (LookupError, TypeError, ValueError):
        return MISSING
    return found


def as_number(value: object) -> float | None:
    """Return a float for every kind of number, None for anything else, text and truth values included.

    >>> as_number(3), as_number("3"), as_number(True)
    (3.0, None, None)
    """
    if isinstance(value, bool | str | bytes | bytearray) or not hasattr(type(value), "__float__"):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
