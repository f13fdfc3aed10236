"""Shut providers down within a bound, even when the receiver is dead and even while the interpreter exits."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Closer:
    """Run one blocking call on a thread that already exists when it is needed.

    Python refuses to start threads while it exits, and that is when providers are shut down.

    Args:
        action: The call, run at most once.
    """

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._start()
        weak = weakref.WeakMethod(self._start)
        os.register_at_fork(after_in_child=lambda: _call(weak))

    def _start(self) -> None:
        self._wanted = threading.Event()
        self._done = threading.Event()
        thread = threading.Thread(target=self._run, name="otel-clinical-closer", daemon=True)
        thread.start()

    def _run(self) -> None:
        self._wanted.wait()
        try:
            self._action()
        except Exception as error:  # noqa: BLE001 -- shutting down must go on; the text may quote what was exported
            _log.warning("shutting down telemetry failed with %s", type(error).__qualname__)
        finally:
            self._done.set()

    def begin(self) -> None:
        """Start the call."""
        self._wanted.set()

    def wait(self, deadline: float) -> bool:
        """Wait for the call to end, at most until `deadline` (monotonic); tell whether it did."""
        return self._done.wait(max(0.0, deadline - time.monotonic()))


def _call(weak: weakref.WeakMethod[Callable[[], None]]) -> None:
    method = weak()
    if method is not None:
        method()
