"""Take time and randomness from one place, so that tests may put their own there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._randomness import RandomBytes

if TYPE_CHECKING:
    from collections.abc import Callable

time_ns: Callable[[], int] = time.time_ns
perf_counter_ns: Callable[[], int] = time.perf_counter_ns
# Not the `random` module: a program that seeds it would repeat its ids in every process.
_STOCK = RandomBytes()
random_bytes: Callable[[int], bytes] = _STOCK
refill = _STOCK.refill
