"""Let processes of ours take turns where a place itself cannot keep two writers apart."""

from __future__ import annotations

import fcntl
import time

from otel_clinical.rollback.targets._base import Unreachable


def take_lock(descriptor: int, timeout: float, *, of: object) -> None:
    """Wait for an advisory lock; raise `Unreachable` where another process keeps it for `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Unreachable(f"{of} is locked by another process for {timeout:g} s") from None
            time.sleep(0.01)
        else:
            return
