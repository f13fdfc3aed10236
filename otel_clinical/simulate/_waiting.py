"""Wait for conditions, never for durations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class DeadlineError(TimeoutError):
    """A condition did not come true in time."""


def wait_until(condition: Callable[[], T | None], *, within: float, what: str, every: float = 0.05) -> T:
    """Return the first truthy value of ``condition``.

    Args:
        condition: Called repeatedly on the caller's thread; what it raises is raised to the caller.
        within: Seconds after which waiting is given up.
        what: Words for the error, for example ``"Prometheus to be ready"``.
        every: Seconds between two looks.

    Raises:
        DeadlineError: The condition stayed false for ``within`` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise DeadlineError(f"waited {within:g} s for {what}, in vain")
        time.sleep(every)
