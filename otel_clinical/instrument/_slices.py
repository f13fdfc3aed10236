"""Work in short slices, so that an inference never waits long for the interpreter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

SLICE_SECONDS: Final = 0.0003
"""Shorter ones cost more than they give: at 0.1 ms the pauses double what the background work costs."""
PAUSE_SECONDS: Final = 0.00005
"""Long enough that a thread which waits for the interpreter gets it: `sleep(0)` would take it back first."""


def pause() -> None:
    """Let a thread that waits for the interpreter have it."""
    time.sleep(PAUSE_SECONDS)


def in_slices(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, with a pause whenever those so far took a slice of time.

    A thread that computes keeps the interpreter for 5 ms before others are let in, and so long an inference would wait.

    >>> list(in_slices("abc"))
    ['a', 'b', 'c']
    """
    until = time.perf_counter() + SLICE_SECONDS
    for item in items:
        yield item
        if time.perf_counter() >= until:
            pause()
            until = time.perf_counter() + SLICE_SECONDS
