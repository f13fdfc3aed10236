"""Name a failure without its text."""

from __future__ import annotations

import builtins
import re
import sys
from typing import Final

from otel_clinical.semconv import OTHER

MAX_LENGTH: Final = 128
_CLASS_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)

FAULTS: Final = frozenset({
    "AlreadyDecorated",
    "ControlKeyIsNoText",
    "ImplausibleDelay",
    "LowerEpoch",
    "NoInference",
    "OtherModel",
    "PointerMissing",
    "ShadowQueueFull",
    "UndeclaredModel",
    "UndeclaredVersion",
    "UnknownVersion",
    "UnknownWord",
    *("BadSignatureError", "ExpiredReceiptError", "FutureReceiptError", "MalformedReceiptError"),
    *("PointerError", "ReceiptError", "TruncatedReceiptError", "UnknownKeyError", "UnknownVersionError"),
})  # fmt: skip
"""What we call faults of telemetry that are no exceptions, or are known well enough without their module."""


def error_type(error: BaseException) -> str:
    """Return the qualified class name of an exception; never its message.

    Classes can be made at run time, under any name: one that its module does not hold under that name is named after
    the nearest class it derives from.

    >>> error_type(ValueError("MRN 00123"))
    'ValueError'
    >>> error_type(type("MRN00123", (KeyError,), {})())
    'KeyError'
    """
    for kind in type(error).__mro__:
        name = _name_of(kind)
        if len(name) <= MAX_LENGTH and _holds(kind.__module__, kind.__qualname__) is kind:
            return name
    return OTHER


def is_error_type(text: str) -> bool:
    """Tell whether a text is what `error_type` calls a class of this program, or a fault of ours.

    >>> is_error_type("ValueError"), is_error_type("NoInference"), is_error_type("MRN00123")
    (True, True, False)
    """
    if text in FAULTS or text == OTHER:
        return True
    if len(text) > MAX_LENGTH or not _CLASS_NAME.fullmatch(text):
        return False
    parts = text.split(".")
    places = [(".".join(parts[:cut]), ".".join(parts[cut:])) for cut in range(len(parts) - 1, 0, -1)]
    return any(_is_exception(_holds(*place)) for place in [*places, (builtins.__name__, text)])


def _name_of(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == builtins.__name__ else f"{kind.__module__}.{kind.__qualname__}"


def _holds(module: object, path: str) -> object:
    """Return what a module holds under a dotted path, None for nothing; run no code of the module."""
    found: object = sys.modules.get(module) if isinstance(module, str) else None
    for name in path.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found


def _is_exception(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, BaseException)


def is_cancellation(error: BaseException) -> bool:
    """Tell whether a call was cancelled or its generator closed, rather than failed.

    >>> is_cancellation(GeneratorExit()), is_cancellation(ValueError())
    (True, False)
    """
    # Not imported: whoever raises it has, and nobody else should pay for loading the network stack.
    cancelled = getattr(sys.modules.get("asyncio.exceptions"), "CancelledError", GeneratorExit)
    return isinstance(error, GeneratorExit | cancelled)
