"""Time small calls against each other, interleaved, so that a slow minute of the machine hits all of them."""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def interleaved(
    cases: Mapping[str, Callable[[], object]],
    *,
    calls: int = 2000,
    rounds: int = 9,
    between: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Return the median cost of each case in microseconds per call; `between` runs untimed after each block."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    gc.collect()
    for case in cases.values():
        _block(case, calls // 4 or 1)
    for _ in range(rounds):
        for name, case in cases.items():
            found[name].append(_block(case, calls) / calls * 1e6)
            if between is not None:
                between()
    return {name: statistics.median(values) for name, values in found.items()}


def _block(case: Callable[[], object], calls: int) -> float:
    # This thread's processor time: what the caller pays, whatever else the machine does meanwhile.
    started = time.thread_time()
    for _ in range(calls):
        case()
    return time.thread_time() - started
