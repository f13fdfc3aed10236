"""Turn a developer's mistake in a declaration into a sentence that says what to write instead."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from otel_clinical._spelling import did_you_mean, spelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")
E = TypeVar("E", bound="StrEnum")


def options_only(example: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse misspelt options and positional arguments, such as the function where the parentheses were forgotten."""

    def protect(make: Callable[P, R]) -> Callable[P, R]:
        made = spelled(make)

        @functools.wraps(make)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if args:
                raise TypeError(f"{make.__name__} takes named options only, in parentheses; write {example}")
            return made(*args, **kwargs)

        return checked

    return protect


def entries(what: str, given: Mapping[str, V], example: str) -> Mapping[str, V]:
    """Return what a declaration maps; raise `TypeError` with a line to write where it is no mapping."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} is a {type(given).__qualname__}, expected a dict; write {example}")
    return given


def choice(what: str, kind: type[E], value: object) -> E:
    """Return the member of a closed set that a declaration names; raise `ValueError` with the allowed ones."""
    try:
        return kind(value)  # type: ignore[arg-type]  # what is no member is what this is about
    except ValueError:
        shown = value if isinstance(value, str) else type(value).__qualname__
        meant = did_you_mean(shown, kind) or ","
        raise ValueError(f"{what} is {shown!r}{meant} expected one of {', '.join(kind)}") from None
