"""Say which known word a misspelt one was meant to be: options, keys, segment names, commands."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound="type[object]")

_ALIKE = 0.7  # of difflib's ratio: "verison" is 0.86 of "version", "site" is 0.44 of "service"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like `word`, or None where none is.

    >>> closest("pyer", ["payer", "site"])
    'payer'
    """
    from difflib import get_close_matches  # noqa: PLC0415  -- a service that makes no mistake does not pay for it

    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=_ALIKE)
    return by_lower[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean "x"?` for the closest known word, or nothing.

    >>> did_you_mean("pyer", ["payer", "site"])
    ', did you mean "payer"?'
    """
    close = closest(word, known)
    return f', did you mean "{close}"?' if close else ""


def spelled(function: Callable[P, R]) -> Callable[P, R]:
    """Name the option that was meant where a call gives one that `function` does not have.

    The call is made first, so that a right one pays for nothing but the frame.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            mistake = _misspelt(function, kwargs)
            if mistake is None:
                raise
        raise TypeError(mistake)

    return call


def spelled_class(kind: C) -> C:
    """Do for the options of a class what `spelled` does for those of a function."""
    setattr(kind, "__init__", spelled(getattr(kind, "__init__")))  # noqa: B009, B010  -- a type checker refuses both
    return kind


def _misspelt(function: Callable[..., object], given: Mapping[str, object]) -> str | None:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    known = [parameter.name for parameter in parameters if parameter.name != "self"]
    name = function.__qualname__.removesuffix(".__init__")
    for option in given:
        if option not in known:
            meant = did_you_mean(option, known)
            return f"{name} has no option {option!r}{meant}" + ("" if meant else f"; its options: {', '.join(known)}")
    return None
