"""What `configure` returns: the providers, and how to flush and end them."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from otel_clinical.sdk._closing import AtExit, Closer

if TYPE_CHECKING:
    from types import TracebackType

    from otel_clinical.instrument import Telemetry
    from otel_clinical.sdk._exporters import Exporters
    from otel_clinical.sdk._page import Page
    from otel_clinical.sdk._providers import Providers

EXIT_TIMEOUT: Final = 5.0
"""Longest time that telemetry may hold up the end of a process, in seconds."""

_GRACE: Final = 0.5
_log = logging.getLogger(__name__)


class Handle:
    """Own the providers of one `configure` call; a context manager that shuts them down.

    Attributes:
        tracer_provider: For spans.
        meter_provider: For metrics.
        logger_provider: For events.
        telemetry: What the decorators and the `record_*` functions use; pass it on where the global one is not wanted.
        problem: Why nothing is exported, in one sentence; None when all is well.
    """

    def __init__(
        self,
        *,
        providers: Providers,
        telemetry: Telemetry,
        exporters: Exporters,
        page: Page | None,
        problem: str | None,
    ) -> None:
        self.tracer_provider = providers.tracer
        self.meter_provider = providers.meter
        self.logger_provider = providers.logger
        self.telemetry = telemetry
        self.problem = problem
        self._exporters = exporters
        self._page = page
        self._once = threading.Lock()
        self._result: bool | None = None
        self._closers = [
            Closer(provider.shutdown) for provider in (providers.tracer, providers.meter, providers.logger)
        ]
        self._at_exit = AtExit(self.shutdown, EXIT_TIMEOUT - 2 * _GRACE)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Return host and port of the Prometheus page; None when metrics are not exposed."""
        return self._page.address if self._page is not None else None

    def flush(self, timeout: float = EXIT_TIMEOUT) -> bool:
        """Derive and export everything recorded so far.

        Args:
            timeout: Longest wait, in seconds.

        Returns:
            Whether all of it was handed to the exporters in time.
        """
        return self.telemetry.flush(timeout)

    def shutdown(self, timeout: float = EXIT_TIMEOUT) -> bool:
        """Export what is left and stop; calling it again changes nothing.

        Args:
            timeout: Longest wait, in seconds. Exports that are still being retried then are given up.

        Returns:
            Whether everything was exported in time.
        """
        with self._once:
            if self._result is None:
                self._at_exit.forget()
                self._result = self._shut_down(time.monotonic() + timeout)
            return self._result

    def _shut_down(self, deadline: float) -> bool:
        derived = self.telemetry.worker.flush(max(0.0, deadline - time.monotonic()))
        for closer in self._closers:
            closer.begin()
        ended = [closer.wait(deadline) for closer in self._closers]
        if not derived:
            self.telemetry.worker.give_up()
        if not all(ended):
            self._give_up()
        if self._page is not None:
            self._page.close()
        return derived and all(ended)

    def _give_up(self) -> None:
        """End retries, and give the threads a moment to notice."""
        _log.warning("telemetry was not exported in time and is given up: is the receiver at the endpoint up?")
        found = (self._exporters.spans, self._exporters.events, self._exporters.metrics)
        for exporter in found:
            if exporter is not None:
                exporter.shutdown()
        deadline = time.monotonic() + _GRACE
        for closer in self._closers:
            closer.wait(deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
