"""Name a failure without its text."""

from __future__ import annotations

import re
import sys
from typing import Final

from otel_clinical.semconv import OTHER

MAX_LENGTH: Final = 128
# Classes can be made at run time, under any name.
_CLASS_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.([A-Za-z_]\w*|<locals>))*", re.ASCII)


def error_type(error: BaseException) -> str:
    """Return the qualified class name of an exception; never its message.

    >>> error_type(ValueError("MRN 00123"))
    'ValueError'
    """
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name[:MAX_LENGTH] if _CLASS_NAME.fullmatch(name) else OTHER


def is_cancellation(error: BaseException) -> bool:
    """Tell whether a call was cancelled or its generator closed, rather than failed.

    >>> is_cancellation(GeneratorExit()), is_cancellation(ValueError())
    (True, False)
    """
    # Not imported: whoever raises it has, and nobody else should pay for loading the network stack.
    cancelled = getattr(sys.modules.get("asyncio.exceptions"), "CancelledError", GeneratorExit)
    return isinstance(error, GeneratorExit | cancelled)
