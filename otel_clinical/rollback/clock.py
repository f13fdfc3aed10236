"""Keep time by which timers run, whatever somebody does to the system's clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SLEW: Final = 5.0
"""Seconds of difference that are followed without a word: what keeping a clock right looks like."""


class SteadyClock:
    """Unix seconds that go on by the monotonic clock: a step of the system's clock neither ends nor stretches a timer.

    Args:
        wall: The system's clock, Unix seconds.
        monotonic: Seconds that only ever grow.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._start = wall() - monotonic()

    def __call__(self) -> float:
        """Return the time."""
        return self._monotonic() + self._start

    def step(self) -> float:
        """Return by how many seconds the system's clock is ahead; small differences are followed and read as 0."""
        ahead = self._wall() - self()
        if abs(ahead) > SLEW:
            return ahead
        self._start += ahead
        return 0.0

    def agree(self, other: float, tolerance: float) -> float:
        """Follow the system's clock where `other`, a third clock, is with it and not with ours; return the seconds.

        Two clocks against one: ours was wrong from the start, and the system's was put right.
        """
        ahead = self.step()
        if not ahead or abs(self() - other) <= tolerance or abs(self._wall() - other) > tolerance:
            return 0.0
        self._start += ahead
        return ahead
