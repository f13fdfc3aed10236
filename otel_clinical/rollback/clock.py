"""Keep time by which timers run, whatever somebody does to the system's clock."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback.guards import MAXIMUM_SKEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.rollback.store import Store

_log = logging.getLogger(__name__)
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


class ClockWatch:
    """Say in the audit that the system's clock was put forward or back: timers go on as if it was not."""

    def __init__(self, clock: Callable[[], float], store: Store) -> None:
        """`clock` is watched only where it is a `SteadyClock`."""
        self._clock, self._store, self._stepped = clock, store, False

    def look(self) -> None:
        """Note that a step began or ended."""
        if not isinstance(self._clock, SteadyClock):
            return
        ahead = self._clock.step()
        if bool(ahead) is not self._stepped:
            self._stepped = bool(ahead)
            action = "clock.stepped" if ahead else "clock.right"
            data = {"seconds": round(ahead, 1), "page": True} if ahead else {}
            self._store.note(action, "controller", data, self._clock())
            _log.warning("the system's clock is %.0f s ahead of the controller's; timers go on by the latter", ahead)

    def compare(self, other: float | None) -> None:
        """Follow the system's clock where `other`, that of Prometheus, agrees with it, and not with ours."""
        if other is None or not isinstance(self._clock, SteadyClock):
            return
        followed = self._clock.agree(other, MAXIMUM_SKEW)
        if followed:
            self._store.note("clock.followed", "controller", {"seconds": round(followed, 1)}, self._clock())
