"""Look after providers that somebody else made with our exporters: the SDK, from environment or configuration file.

As with `configure`, the process ends within 5 s whatever became of the receiver, and a forked child counts from zero.
"""

from __future__ import annotations

import atexit
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider

from otel_clinical.instrument import default_telemetry
from otel_clinical.sdk._closing import EXIT_SECONDS, AtExit, Closer, Ending
from otel_clinical.sdk._fork import count_from_zero, fresh_connections, renew_after_fork, say_when_forks_go_unseen
from otel_clinical.sdk._own_noise import quiet_connections

if TYPE_CHECKING:
    from collections.abc import Callable


def look_after(exporter: Any) -> None:
    """Include the global providers in what ends in time, and an exporter in what is then given up."""
    guard = _guard()
    guard.exporters.add(exporter)
    renew_after_fork(exporter, fresh_connections)
    guard.come_first()


def come_first() -> None:
    """Run before the exit hooks of the providers made since."""
    _guard().come_first()


class _Guard:
    def __init__(self) -> None:
        self.exporters: weakref.WeakSet[Any] = weakref.WeakSet()
        found = (trace.get_tracer_provider, metrics.get_meter_provider, _logs.get_logger_provider)
        closers = [Closer(_Shutdown(provider)) for provider in found]
        self._ending = Ending(default_telemetry, closers, lambda: list(self.exporters))
        self._providers = found
        self._at_exit = AtExit(self._end, EXIT_SECONDS)
        say_when_forks_go_unseen()
        quiet_connections()
        renew_after_fork(self, lambda _: _count_from_zero())

    def come_first(self) -> None:
        """Move to the end of the exit hooks, which run last in, first out."""
        self._at_exit.come_first()

    def _end(self, timeout: float) -> bool:
        for provider in self._providers:
            shutdown = getattr(provider(), "shutdown", None)
            if shutdown is not None:
                atexit.unregister(shutdown)  # it would wait for as long as the exporter does
        return self._ending.run(timeout)


class _Shutdown:
    """Shut down whichever provider is the global one by then."""

    def __init__(self, provider: Callable[[], Any]) -> None:
        self._provider = provider

    def __call__(self) -> None:
        shutdown = getattr(self._provider(), "shutdown", None)
        if shutdown is not None:
            shutdown()


def _count_from_zero() -> None:
    provider = metrics.get_meter_provider()
    if isinstance(provider, MeterProvider):
        count_from_zero(provider)


@cache
def _guard() -> _Guard:
    return _Guard()
