"""Let numpy compute the same last bits on machines with and without AVX-512."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

VARIABLE: Final = "NPY_DISABLE_CPU_FEATURES"
_OPPOSITE: Final = "NPY_ENABLE_CPU_FEATURES"
_RENAMED: Final = (2, 4)  # the version of numpy that groups features by level
_FEATURES: Final = "X86_V4 AVX512_ICL AVX512_SPR"
_EARLIER: Final = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"


def settle(environment: MutableMapping[str, str], machine: str = platform.machine()) -> None:
    """Turn off numpy's own `exp` and `log` for AVX-512, whose last bits differ from those of the C library.

    A state that moves to a machine without AVX-512 then goes on with the bytes that it would have had. Must be called
    before numpy is imported, which reads the setting once. Whoever has set it, or its opposite, keeps their setting.

    Args:
        environment: Usually `os.environ`.
        machine: Architecture, as Python calls it.
    """
    if machine.lower() not in {"x86_64", "amd64"} or VARIABLE in environment or _OPPOSITE in environment:
        return
    try:
        numbers = version("numpy").split(".")
    except PackageNotFoundError:
        return
    environment[VARIABLE] = _FEATURES if (int(numbers[0]), int(numbers[1])) >= _RENAMED else _EARLIER
