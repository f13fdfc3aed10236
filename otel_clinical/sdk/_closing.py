"""Shut providers down within a bound, even when the receiver is dead and even while the interpreter exits."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.sdk._fork import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from otel_clinical.instrument import Telemetry

_log = logging.getLogger(__name__)

EXIT_SECONDS: Final = 4.0
"""Longest wait for telemetry when a process ends; with what follows, it has ended after 5 s."""

_GRACE: Final = 0.5

# After the finalizers that send what is still in a queue between processes (priority -5).
_LAST: Final = -100


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


class Ending:
    """Derive and export what is left, within a bound.

    Args:
        telemetry: Returns the telemetry whose queue goes first.
        closers: Shut the providers down.
        exporters: Returns the exporters to give up when time is over.
    """

    def __init__(
        self,
        telemetry: Callable[[], Telemetry],
        closers: Sequence[Closer],
        exporters: Callable[[], Iterable[Any]],
    ) -> None:
        self._telemetry = telemetry
        self._closers = closers
        self._exporters = exporters

    def run(self, timeout: float) -> bool:
        """End in at most `timeout` seconds, and half a second more; tell whether everything was exported."""
        deadline = time.monotonic() + timeout
        worker = self._telemetry().worker
        derived = worker.flush(timeout)
        if not derived:
            worker.give_up()
        for closer in self._closers:
            closer.begin()
        ended = [closer.wait(deadline) for closer in self._closers]
        if not all(ended):
            self._give_up()
        return derived and all(ended)

    def _give_up(self) -> None:
        """End retries, and give the threads a moment to notice."""
        _log.warning("telemetry was not exported in time and is given up: is the receiver at the endpoint up?")
        for exporter in self._exporters():
            exporter.shutdown()
        deadline = time.monotonic() + _GRACE
        for closer in self._closers:
            closer.wait(deadline)


class AtExit:
    """Run a call when the process ends, also where multiprocessing ends it.

    A process that multiprocessing forked ends without `atexit` but with finalizers, of which it forgets those that were
    registered before it started.

    Args:
        action: The call.
        timeout: Its one argument, in seconds.
    """

    def __init__(self, action: Callable[[float], object], timeout: float) -> None:
        self._action = action
        self._timeout = timeout
        self._finalizer: Any = None
        self._told = False
        atexit.register(action, timeout)
        self._tell_multiprocessing()
        renew_after_fork(self, AtExit._tell_multiprocessing)

    def come_first(self) -> None:
        """Run before everything that was registered until now."""
        atexit.unregister(self._action)
        atexit.register(self._action, self._timeout)

    def forget(self) -> None:
        """Do not run the call any more."""
        atexit.unregister(self._action)
        if self._finalizer is not None:
            self._finalizer.cancel()
        self._finalizer = None
        self._timeout = 0.0

    def _tell_multiprocessing(self) -> None:
        util: Any = sys.modules.get("multiprocessing.util")
        if util is not None and self._timeout:
            self._finalizer = util.Finalize(None, self._action, (self._timeout,), exitpriority=_LAST)
            if not self._told:
                self._told = True
                util.register_after_fork(self, AtExit._tell_multiprocessing)


def _call(weak: weakref.WeakMethod[Callable[[], None]]) -> None:
    method = weak()
    if method is not None:
        method()
