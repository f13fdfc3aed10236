"""What `configure` returns: the providers, and how to flush and end them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from otel_clinical.sdk._closing import EXIT_SECONDS, AtExit, Closer, Ending

if TYPE_CHECKING:
    from types import TracebackType

    from otel_clinical.instrument import Telemetry
    from otel_clinical.sdk._exporters import Exporters
    from otel_clinical.sdk._page import Page
    from otel_clinical.sdk._providers import Providers

TIMEOUT: Final = 5.0
"""How long flushing and shutting down take at most by default, in seconds."""


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
        self._page = page
        self._once = threading.Lock()
        self._result: bool | None = None
        closers = [Closer(provider.shutdown) for provider in (providers.tracer, providers.meter, providers.logger)]
        given = (exporters.spans, exporters.events, exporters.metrics)
        self._ending = Ending(lambda: telemetry, closers, lambda: filter(None, given))
        self._at_exit = AtExit(self.shutdown, EXIT_SECONDS)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Return host and port of the Prometheus page; None when metrics are not exposed."""
        return self._page.address if self._page is not None else None

    def flush(self, timeout: float = TIMEOUT) -> bool:
        """Derive and export everything recorded so far.

        Args:
            timeout: Longest wait, in seconds.

        Returns:
            Whether all of it was handed to the exporters in time.
        """
        return self.telemetry.flush(timeout)

    def shutdown(self, timeout: float = TIMEOUT) -> bool:
        """Export what is left and stop; calling it again changes nothing.

        Args:
            timeout: Longest wait, in seconds. Exports that are still being retried then are given up.

        Returns:
            Whether everything was exported in time.
        """
        with self._once:
            if self._result is None:
                self._at_exit.forget()
                self._result = self._ending.run(timeout)
                if self._page is not None:
                    self._page.close()
            return self._result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
