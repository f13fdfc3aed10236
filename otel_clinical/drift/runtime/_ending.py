"""Whether a process is to end: asked by a signal handler, awaited by the main thread."""

from queue import Empty, SimpleQueue


class Ending:
    """What `threading.Event` is, but for a signal handler.

    A handler runs in the main thread, between any two of its steps. An event's lock can be held by the very wait that
    is interrupted, and setting it would wait for ever. `SimpleQueue` is made for that.
    """

    def __init__(self) -> None:
        self._asked = False
        self._words: SimpleQueue[None] = SimpleQueue()

    def ask(self) -> None:
        """Ask for the end; from any thread, and from a signal handler."""
        self._asked = True
        self._words.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until somebody asked; return whether that happened in `timeout` seconds."""
        if not self._asked:
            try:
                self._words.get(timeout=timeout)
            except Empty:
                return self._asked
        return True
