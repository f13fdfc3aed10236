"""Name a failure without its text."""

from __future__ import annotations

from typing import Final

MAX_LENGTH: Final = 128


def error_type(error: BaseException) -> str:
    """Return the qualified class name of an exception; never its message.

    >>> error_type(ValueError("MRN 00123"))
    'ValueError'
    """
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name[:MAX_LENGTH]
