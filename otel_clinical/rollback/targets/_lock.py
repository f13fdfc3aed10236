"""Let processes of ours take turns where a place itself cannot keep two writers apart."""

from __future__ import annotations

from otel_clinical.release._lock import wait_for_lock
from otel_clinical.rollback.targets._base import Unreachable


def take_lock(descriptor: int, timeout: float, *, of: object) -> None:
    """Wait for an advisory lock; raise `Unreachable` where another process keeps it for `timeout` seconds."""
    if not wait_for_lock(descriptor, timeout):
        raise Unreachable(f"{of} is locked by another process for {timeout:g} s")
