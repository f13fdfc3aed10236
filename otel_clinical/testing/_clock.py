"""A clock that stands still until it is told to move, and ids that are the same in every run."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.id_generator import IdGenerator

from otel_clinical.instrument import _ambient

if TYPE_CHECKING:
    from collections.abc import Iterator

START: Final = 1_790_000_000.0
"""When a clock starts unless told otherwise: 21 September 2026, in Unix seconds."""

_NANOSECONDS: Final = 1_000_000_000


class Clock:
    """Time as the instrumentation sees it.

    >>> clock = Clock(1_790_000_000.0)
    >>> clock.advance(0.25)
    >>> clock.now
    1790000000.25
    """

    def __init__(self, start: float = START) -> None:
        self._ns = round(start * _NANOSECONDS)

    @property
    def now(self) -> float:
        """Unix time in seconds."""
        return self._ns / _NANOSECONDS

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"seconds is {seconds!r}, expected 0 or more: time does not run backwards")
        self._ns += round(seconds * _NANOSECONDS)

    def time_ns(self) -> int:
        """Return Unix time in nanoseconds."""
        return self._ns


class SeededIds(IdGenerator):
    """Ids of traces and spans, and random bytes, that follow from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- to be the same in every run is what it is for
        self._lock = threading.Lock()

    def random_bytes(self, count: int) -> bytes:
        """Return `count` bytes."""
        with self._lock:
            return self._random.randbytes(count)

    def generate_trace_id(self) -> int:
        """Return a trace id that is not 0."""
        return int.from_bytes(self.random_bytes(16)) or 1

    def generate_span_id(self) -> int:
        """Return a span id that is not 0."""
        return int.from_bytes(self.random_bytes(8)) or 1


@contextmanager
def put_in_place(clock: Clock, ids: SeededIds) -> Iterator[None]:
    """Let the instrumentation take time and randomness from here inside a `with` block."""
    before = _ambient.time_ns, _ambient.perf_counter_ns, _ambient.random_bytes
    _ambient.time_ns, _ambient.perf_counter_ns, _ambient.random_bytes = clock.time_ns, clock.time_ns, ids.random_bytes
    try:
        yield
    finally:
        _ambient.time_ns, _ambient.perf_counter_ns, _ambient.random_bytes = before
