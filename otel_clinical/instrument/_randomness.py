"""Random bytes for identifiers, fetched from the system for many of them at once."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE: Final = 16
_FETCHED: Final = 64
_LOW: Final = 512
# Of Linux; the standard library does not name it.
_MADV_WIPEONFORK: Final = 18


class RandomBytes:
    """Return random bytes; those of one identifier (16) come from a small stock.

    Asking the system gives up the interpreter lock, and a caller who does that on every call waits for the background
    thread on every call; that thread refills the stock. The stock is of this process: a forked child makes its own,
    whether or not the fork was told to Python. The clock is mixed in because a process that is restored from a snapshot
    has the stock of its twins.
    """

    def __init__(self) -> None:
        self._stock: list[bytes] = []
        self._own: Callable[[], bool] | None = None

    def __call__(self, size: int) -> bytes:
        """Return `size` random bytes."""
        if size != SIZE:
            return os.urandom(size)
        own = self._own
        if own is None or not own():
            self._stock, self._own = [], _same_process()
        try:
            found = self._stock.pop()
        except IndexError:
            found = self._fetch(_FETCHED)
        return (int.from_bytes(found) ^ time.time_ns()).to_bytes(SIZE)

    def refill(self) -> None:
        """Fill the stock where it runs low, on a thread that may wait."""
        own, stock = self._own, self._stock
        while own is not None and len(stock) < _LOW and own():
            stock.append(self._fetch(_FETCHED))

    def _fetch(self, count: int) -> bytes:
        fetched = os.urandom(SIZE * count)
        self._stock.extend([fetched[start : start + SIZE] for start in range(SIZE, len(fetched), SIZE)])
        return fetched[:SIZE]


def _same_process() -> Callable[[], bool]:
    """Return what tells whether this is still the process that asked.

    Linux wipes a page of memory in every forked child; reading it takes a tenth of asking for the process id, which
    is what remains elsewhere.
    """
    if sys.platform == "linux":
        import mmap  # noqa: PLC0415 -- not every process that imports the decorator makes an identifier

        with suppress(OSError):  # a kernel of before 4.14, or none of Linux's own
            page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            page.madvise(_MADV_WIPEONFORK)
            page[0] = 1
            return lambda: page[0] == 1
    process = os.getpid()
    return lambda: process == os.getpid()
