"""Hand finished records to one background thread through a bounded queue."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal

from ._slices import in_slices
from ._wake import Wake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WhenFull = Literal["drop", "wait"]
"""What a caller does at a full queue: lose the record and count it, or wait for room (replays)."""

BATCH: Final = 512
LINGER_SECONDS: Final = 0.02
EXIT_SECONDS: Final = 5.0

_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class Worker:
    """Process records in batches, in order, off the caller's thread.

    `handle(batch)` must not raise; going through the batch, once, takes pauses. `size` bounds the queue; a full one
    drops and counts (`when_full="drop"`) or makes the caller wait (`"wait"`). `synchronous` processes each record on
    the caller's thread.
    The thread starts with the first record, and again in a forked child, whose queue starts empty.
    """

    def __init__(
        self,
        handle: Callable[[Iterable[Any]], None],
        *,
        size: int = 8192,
        when_full: WhenFull = "drop",
        synchronous: bool = False,
        linger: float = LINGER_SECONDS,
    ) -> None:
        if size < 1:
            raise ValueError(f"queue_size is {size!r}, expected 1 or more")
        self._handle = handle
        self._size = size
        self._waits = when_full == "wait"
        self._synchronous = synchronous
        self._linger = linger
        self._closed = False
        self._reset()
        _workers.add(self)
        _hook_once()

    def _reset(self) -> None:
        """Start from nothing: at first, and in a forked child, where the parent's thread does not exist."""
        self._items: deque[Any] = deque()
        self._dropped = 0
        # A signal handler may interrupt the holder and come here on the same thread.
        self._lock = threading.RLock()
        self._wake = Wake()
        self._hurry = Wake()
        self._room = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, item: object) -> bool:
        """Hand over a record; False when it was dropped."""
        if self._synchronous:
            self._handle([item])
            return True
        if self._closed or (len(self._items) >= self._size and not self._made_room()):
            with self._lock:
                self._dropped += 1
            return False
        self._items.append(item)
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None:
            self._start()
        return True

    def nudge(self) -> None:
        """Let a running thread look at what there is to report besides records."""
        if self._thread is not None and not self._wake.is_set():
            self._wake.set()

    def take_dropped(self) -> int:
        """Return how many records were dropped since the last call."""
        if not self._dropped:
            return 0
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def flush(self, timeout: float = EXIT_SECONDS) -> bool:
        """Wait until everything handed over so far is processed; False when `timeout` seconds pass first."""
        if self._synchronous or (self._thread is None and not self._items):
            self._handle([])
            return True
        if self._ended():
            self._drain()
            return True
        reached = threading.Event()
        self._items.append(reached)
        self._hurry.set()
        self._wake.set()
        self._start()
        if self._thread is None:
            self._drain()
        return reached.wait(timeout)

    def close(self, timeout: float = EXIT_SECONDS) -> bool:
        """Accept nothing more, process what is left and end the thread."""
        self._closed = True
        done = self.flush(timeout)
        thread = self._thread
        if thread is not None:
            self._wake.set()
            thread.join(timeout if done else 0)
        return done

    def give_up(self) -> None:
        """Do not wait for this thread again when the process ends."""
        _workers.discard(self)

    def _made_room(self) -> bool:
        if not self._waits or threading.current_thread() is self._thread:
            return False
        while len(self._items) >= self._size and not self._closed:
            self._room.clear()
            self._hurry.set()
            self._wake.set()
            self._start()
            self._room.wait(0.1)
        return not self._closed

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="otel-clinical", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is going down, and what is queued is processed at exit
                self._thread = None

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            # A short pause lets records gather: one counter update then stands for many records.
            if not self._closed:
                self._hurry.wait(self._linger)
            self._hurry.clear()
            if not self._items:
                self._handle([])
            self._drain()
            if self._closed:
                return

    def _ended(self) -> bool:
        return self._closed and self._thread is not None and not self._thread.is_alive()

    def _drain(self) -> None:
        while self._items:
            self._process(self._take())

    def _take(self) -> list[Any]:
        return [self._items.popleft() for _ in range(min(len(self._items), BATCH))]

    def _process(self, batch: list[Any]) -> None:
        records = [item for item in batch if type(item) is not threading.Event]
        # Whoever waits for room, or for the end, has no inference to delay.
        self._handle(records if self._waits or self._closed else in_slices(records))
        self._room.set()
        for item in batch:
            if type(item) is threading.Event:
                item.set()


def _reset_in_child() -> None:
    for worker in list(_workers):
        worker._reset()  # noqa: SLF001 -- the module's own class


def _flush_at_exit() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for worker in list(_workers):
        worker.flush(max(0.0, deadline - time.monotonic()))


_hooked = False


def _hook_once() -> None:
    """Register for fork and exit when the first worker exists, not at import."""
    global _hooked  # noqa: PLW0603 -- process-wide hooks cannot be taken back
    if _hooked:
        return
    _hooked = True
    atexit.register(_flush_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_reset_in_child)
