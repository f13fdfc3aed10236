"""Senders that are too slow: how long a request may take to arrive, on both protocols."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HEADER_SECONDS = 10.0
READ_SECONDS = 30.0
_TURN_SECONDS = 0.5


class Deadlines:
    """Call back for those who are not done in time, from one thread of its own."""

    def __init__(self) -> None:
        self._waiting: dict[object, tuple[float, Callable[[], object]]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otel-clinical-deadlines", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Call nobody back any more."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    @contextmanager
    def within(self, seconds: float, late: Callable[[], object]) -> Iterator[None]:
        """Call `late` once if the block takes longer than `seconds`."""
        key = object()
        self._waiting[key] = time.monotonic() + seconds, late
        try:
            yield
        finally:
            self._waiting.pop(key, None)

    def _run(self) -> None:
        while not self._stopped.wait(_TURN_SECONDS):
            now = time.monotonic()
            for key, (due, late) in list(self._waiting.items()):
                if now >= due and self._waiting.pop(key, None) is not None:
                    late()


class Turns:
    """So many at once, of which one source may have half: one that never finishes leaves room for the others.

    Args:
        count: At once.
        waiters: How many may wait or have a turn, all sources together; one source may be half of them.
    """

    def __init__(self, count: int, waiters: int) -> None:
        self._free = count
        self._share, self._patient = max(count // 2, 1), max(waiters // 2, 1)
        self._has: Counter[str] = Counter()
        self._here: Counter[str] = Counter()
        self._changed = threading.Condition()

    def take(self, source: str, timeout: float) -> bool:
        """Wait for a turn; return whether there was one in `timeout` seconds. At once if too many of a source wait."""
        with self._changed:
            if self._here[source] >= self._patient:
                return False
            self._here[source] += 1
            found = self._changed.wait_for(lambda: self._free > 0 and self._has[source] < self._share, timeout)
            if found:
                self._free -= 1
                self._has[source] += 1
            else:
                self._leave(source)
            return found

    def give_back(self, source: str) -> None:
        """End a turn."""
        with self._changed:
            self._free += 1
            self._has[source] -= 1
            self._leave(source)
            self._changed.notify_all()

    def _leave(self, source: str) -> None:
        self._here[source] -= 1
        if not self._here[source]:
            del self._here[source], self._has[source]
