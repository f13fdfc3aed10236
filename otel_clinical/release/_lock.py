"""Let processes of ours take turns at a file."""

from __future__ import annotations

import fcntl
import time

_POLL = 0.005


def wait_for_lock(descriptor: int, timeout: float) -> bool:
    """Take the advisory lock of an open file; return False where another process keeps it for `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        else:
            return True
