"""Senders that are too slow: how long a request may take to arrive, on both protocols."""

import threading
import time
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
