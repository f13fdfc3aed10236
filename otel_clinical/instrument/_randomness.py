"""Random bytes for identifiers, fetched from the system for many of them at once."""

from __future__ import annotations

import os
import time
from typing import Final

SIZE: Final = 16
_FETCHED: Final = 64


class RandomBytes:
    """Return random bytes; those of one identifier (16) come from a small stock.

    Asking the system gives up the interpreter lock, and a caller who does that on every call waits for the background
    thread on every call. The stock is of this process: a forked child makes its own, whether or not the fork was told
    to Python. The clock is mixed in because a process that is restored from a snapshot has the stock of its twins.
    """

    def __init__(self) -> None:
        self._stock: list[bytes] = []
        self._process = os.getpid()

    def __call__(self, size: int) -> bytes:
        """Return `size` random bytes."""
        if size != SIZE:
            return os.urandom(size)
        if self._process != os.getpid():
            self._stock, self._process = [], os.getpid()
        try:
            found = self._stock.pop()
        except IndexError:
            found = self._fetch()
        return (int.from_bytes(found) ^ time.time_ns()).to_bytes(SIZE)

    def _fetch(self) -> bytes:
        fetched = os.urandom(SIZE * _FETCHED)
        self._stock.extend(fetched[start : start + SIZE] for start in range(SIZE, len(fetched), SIZE))
        return fetched[:SIZE]
