"""Run the whole line: services, drift processor, Prometheus, Alertmanager, controller."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Final, NoReturn, Self

from otel_clinical.simulate import _components as component
from otel_clinical.simulate._components import Ports, Practices
from otel_clinical.simulate._configs import write_alertmanager, write_prometheus
from otel_clinical.simulate._layout import Layout
from otel_clinical.simulate._observer import Observer
from otel_clinical.simulate._policy import Load
from otel_clinical.simulate._ports import free_ports
from otel_clinical.simulate._process import ManagedProcess, ProcessError, stop_all
from otel_clinical.simulate._servers import alertmanager_server, prometheus_server
from otel_clinical.simulate.truth import QUIET, write_truth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import FrameType, TracebackType
    from typing import Any

SERVICES: Final = 2
_ATTEMPTS: Final = 3
_CLASHES: Final = ("address already in use", "address in use", "errno 98")


class Stack:
    """Real processes on free loopback ports, ready inside the ``with`` block and gone after it.

    Exceptions, Ctrl-C and SIGTERM end them in order; on Linux even ``kill -9`` of this process leaves none behind.

    Args:
        folder: Where state, logs, secrets and generated configuration go; it must exist.
        policy: The policy file; its baseline and release pointer lie beside it (``write_policy`` writes all three).
        load: Rate of inferences and how late the truth arrives; must match what the policy was written for.
        seed: Decides what nature draws.
        services: How many services the 12 hospitals are spread over; 0 for none.

    Raises:
        BinaryNotFoundError: Prometheus or Alertmanager is not to be had; says what to install.
        ProcessError: A process did not become ready; ends with the tail of its log.
    """

    def __init__(
        self, folder: Path, policy: Path, *, load: Load | None = None, seed: int = 0, services: int = SERVICES
    ) -> None:
        self.layout = Layout(folder.resolve(), policy.resolve())
        self._practices = Practices(load or Load(), seed, services)
        self._previous_handler: Any = None

    processor: ManagedProcess
    prometheus: ManagedProcess
    alertmanager: ManagedProcess
    controller: ManagedProcess
    services: tuple[ManagedProcess, ...]

    @property
    def processes(self) -> tuple[ManagedProcess, ...]:
        """Return all processes in the order in which they are started."""
        return (*self._monitors, *self.services)

    @property
    def _monitors(self) -> tuple[ManagedProcess, ...]:
        """Return everything that is there before the services speak."""
        return (self.processor, self.prometheus, self.alertmanager, self.controller)

    def problems(self) -> str:
        """Return the tails of all logs that say anything, and which processes have ended by themselves."""
        ended = [f"\n{process.name} has ended" for process in self.processes if not process.running]
        return "".join([*ended, *(process.log_tail() for process in self.processes if process.log.stat().st_size)])

    def observer(self) -> Observer:
        """Return a new pair of eyes; close it, or use it as a context manager."""
        return Observer(
            prometheus=self.prometheus.url,
            alertmanager=self.alertmanager.url,
            controller=self.controller.url,
            token=self.layout.controller_token,
            pointer=self.layout.pointer,
        )

    def __enter__(self) -> Self:
        """Start everything and wait until it is ready."""
        self._previous_handler = _on_sigterm(_exit)
        try:
            self.layout.write_secrets()
            write_truth(self.layout.world, QUIET)
            self._start()
        except BaseException:
            _on_sigterm(self._previous_handler)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything; the services first, so that nothing they still send is lost."""
        try:
            stop_all(self.services)
            stop_all(self.processes)
        finally:
            _on_sigterm(self._previous_handler)

    def _start(self) -> None:
        """Start all processes, the services last; with other ports where another program took one in between."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._describe(_draw_ports(self._practices.count))
            try:
                _start(self._monitors)
                _start(self.services)
            except BaseException as error:
                stop_all(self.processes, within=2.0)
                if attempt < _ATTEMPTS and isinstance(error, ProcessError) and _is_clash(error):
                    continue
                raise
            return

    def _describe(self, ports: Ports) -> None:
        layout, folder = self.layout, self.layout.folder
        self.processor = component.processor(layout, ports)
        self.controller = component.controller(layout, ports)
        self.prometheus = prometheus_server(folder, write_prometheus(layout, ports), ports.prometheus)
        self.alertmanager = alertmanager_server(folder, write_alertmanager(layout, ports), ports.alertmanager)
        services = range(self._practices.count)
        self.services = tuple(component.service(layout, ports, self._practices, number) for number in services)


def _start(processes: Sequence[ManagedProcess]) -> None:
    """Start processes at the same time and wait until all are ready."""
    for process in processes:
        process.start()
    for process in processes:
        process.wait_ready()


def _draw_ports(services: int) -> Ports:
    ports = iter(free_ports(6 + services))
    return Ports(
        prometheus=next(ports),
        alertmanager=next(ports),
        controller=next(ports),
        processor_http=next(ports),
        processor_grpc=next(ports),
        processor_metrics=next(ports),
        services=tuple(ports),
    )


def _is_clash(error: ProcessError) -> bool:
    text = str(error).lower()
    return any(words in text for words in _CLASHES)


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind on SIGTERM as on Ctrl-C, so that every ``with`` block cleans up."""
    sys.exit(128 + signal.SIGTERM)


def _on_sigterm(handler: Callable[[int, FrameType | None], Any] | int | None) -> Any:
    """Install a SIGTERM handler and return the one before; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        return None
    return signal.signal(signal.SIGTERM, handler if handler is not None else signal.SIG_DFL)
