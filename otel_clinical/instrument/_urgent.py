"""Export at once what must not wait for the next interval, without holding up whoever reports it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ._fork import renew_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

URGENT_SECONDS: Final = 2.0
"""Longest time that one urgent flush may take."""


class UrgentFlush:
    """Run `flush(timeout)` on a thread of its own, one at a time; requests meanwhile lead to one more."""

    def __init__(self, flush: Callable[[float], bool], timeout: float = URGENT_SECONDS) -> None:
        self._flush = flush
        self._timeout = timeout
        self._renew()
        renew_in_child(self._renew)

    def _renew(self) -> None:
        # A signal handler may interrupt the holder and come here on the same thread.
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._again = False

    def request(self) -> None:
        """Flush soon; return at once."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                self._again = True
                return
            self._again = False
            self._thread = threading.Thread(target=self._run, name="otel-clinical-urgent", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is going down, and what is queued is flushed at exit
                self._thread = None

    def _run(self) -> None:
        while True:
            self._flush(self._timeout)
            with self._lock:
                if not self._again:
                    self._thread = None
                    return
                self._again = False
