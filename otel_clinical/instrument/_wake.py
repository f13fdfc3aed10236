"""Wake a thread from anywhere, also from a signal handler that interrupts a thread about to do the same."""

from __future__ import annotations

import sys

try:  # the module around it loads four times as much, for queues of other kinds
    from _queue import Empty, SimpleQueue
except ImportError:  # not CPython
    from queue import Empty, SimpleQueue


class Wake:
    """An event for one waiting thread, whose `set` may interrupt itself.

    `threading.Event.set` holds a lock meanwhile: a signal handler that sets the same event then waits for the code that
    it interrupts. `SimpleQueue.put` is made for this.
    """

    def __init__(self) -> None:
        # gevent puts one of its own into `queue`, and only there: the stock one would stop all greenlets at once.
        kind = getattr(sys.modules.get("queue"), "SimpleQueue", SimpleQueue)
        self._tokens: SimpleQueue[None] = kind()
        self._flag = False

    def is_set(self) -> bool:
        """Tell whether it was set since it was last cleared."""
        return self._flag

    def set(self) -> None:
        """Wake the waiting thread."""
        self._flag = True
        self._tokens.put(None)

    def clear(self) -> None:
        """Forget that it was set."""
        self._flag = False
        try:
            while True:
                self._tokens.get_nowait()
        except Empty:
            return

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most `timeout` seconds; tell whether it is."""
        if not self._flag:
            try:
                self._tokens.get(timeout=timeout)
            except Empty:
                return self._flag
        return True
