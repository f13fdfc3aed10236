"""Tell at a glance that a plain record has no fault, which is what nearly every record comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._fields import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

Check = tuple[str, bool, "tuple[float, float] | None"]
"""Name of a field, whether it is required, and its lowest and highest number."""


def compile_checks(required: tuple[str, ...], ranges: Mapping[str, tuple[float, float]]) -> tuple[Check, ...]:
    """Return one check per field; none at all where a bound is no exact float, which only a full check can judge."""
    if any(float(bound) != bound for bounds in ranges.values() for bound in bounds):
        return ()
    return tuple((name, name in required, ranges.get(name)) for name in dict.fromkeys((*required, *ranges)))


def is_sound(checks: tuple[Check, ...], record: dict[Any, Any]) -> bool:
    """Return True only where a full check finds no fault; False says nothing, and a full check decides.

    Values of exact built-in types are judged here, no code of any other value runs.
    """
    applied = False
    for name, required, bounds in checks:
        value = record.get(name, MISSING)
        if value is MISSING or value is None:
            if required:
                return False
            continue
        applied = True
        kind = type(value)
        if bounds is not None:
            if not ((kind is int or kind is float) and bounds[0] <= value <= bounds[1]):
                return False
        elif (kind is str and (not value or value.isspace())) or (kind is float and value != value):  # noqa: PLR0124
            return False
    return applied
