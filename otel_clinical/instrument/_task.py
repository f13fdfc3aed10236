"""Time units of work, with and without the model."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from otel_clinical._spelling import spelled
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import Assistance, TelemetryComponent

from . import _ambient
from ._declared import checked_identifier
from ._event_fields import new_event_id
from ._figure import Figure
from ._late import required
from ._misuse import choice
from ._numbers import lasting
from ._recorded import Recorded, attempt
from ._telemetry import default_telemetry
from ._wrap import Observation, is_marked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ._telemetry import Telemetry

F = TypeVar("F")
KIND: Final = "task"
_NANOSECONDS: Final = 1_000_000_000


@spelled
def record_task(
    name: str,
    seconds: object,
    *,
    assistance: Assistance | str = Assistance.WITH_AI,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report how long a unit of work took, with or without the model; `name` must be declared. Never raises."""
    where = telemetry or default_telemetry()

    def record() -> str:
        labels = (
            (attributes.TASK_NAME, where.declared.admit(attributes.TASK_NAME, name)),
            (attributes.ASSISTANCE, required(where, Assistance, assistance, "record_task: assistance").value),
        )
        where.put(Figure(metrics.TASK_DURATION, labels, lasting(seconds)))
        return new_event_id()

    return attempt(where, record)


@spelled
def task(
    name: str,
    *,
    assistance: Assistance | str = Assistance.WITH_AI,
    telemetry: Telemetry | None = None,
) -> DeclaredTask:
    """Time a function, or a `with` block, as a unit of work. Work that raises is unfinished and not reported.

    Args:
        name: Name of the unit of work; declares it.
        assistance: Whether the model helps with it; time the same work without it to compare.
        telemetry: Where to report; the process default otherwise.

    Raises:
        ValueError: at once, for a mistake in the declaration.
        TypeError: at once, where the name was forgotten.
    """
    if callable(name):
        raise TypeError('task takes the name of the work; write @task("chart_review")')
    return DeclaredTask(checked_identifier("task", name), choice("assistance", Assistance, assistance), telemetry)


class DeclaredTask:
    """Decorate a function, or time a block; one declaration may serve any number of both, at the same time."""

    def __init__(self, name: str, assistance: Assistance, telemetry: Telemetry | None) -> None:
        self._name = name
        self._assistance = assistance
        self._telemetry = telemetry

    def __call__(self, function: F) -> F:
        """Decorate a function of any kind."""
        if is_marked(function, KIND):
            (self._telemetry or default_telemetry()).failed(TelemetryComponent.DECORATOR, "AlreadyDecorated")
            return function

        def begin(_: tuple[Any, ...], __: dict[str, Any]) -> Observation:
            return TimedWork(self._report, self._telemetry)

        wrapped: F = wrap(function, begin, KIND)
        return wrapped

    def __enter__(self) -> None:
        """Begin a block of work."""
        _open.set((*_open.get(), (self, TimedWork(self._report, self._telemetry))))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Report the finished block."""
        blocks = _open.get()
        if not blocks or blocks[-1][0] is not self:  # left in another task than it was entered: nothing to time
            return
        _open.set(blocks[:-1])
        if error is None:
            blocks[-1][1].succeed(None)

    def _report(self, where: Telemetry, seconds: float, _: object) -> None:
        declare_task(where, self._name)
        record_task(self._name, seconds, assistance=self._assistance, telemetry=where)


# Of the task or thread, not of the declaration: interleaved tasks time their own work.
_open: ContextVar[tuple[tuple[DeclaredTask, TimedWork], ...]] = ContextVar("otel_clinical.tasks", default=())


def declare_task(where: Telemetry, name: str) -> None:
    """Let the name of a unit of work into telemetry."""
    where.declared.declare(attributes.TASK_NAME, [name])


class TimedWork(Observation):
    """One unit of work."""

    __slots__ = ("_report", "_started", "_telemetry")

    def __init__(self, report: Callable[[Telemetry, float, object], None], telemetry: Telemetry | None) -> None:
        super().__init__()
        self._report = report
        self._telemetry = telemetry
        self._started = _ambient.perf_counter_ns()

    def succeed(self, result: object) -> None:
        """Report the finished work; unfinished work has no duration worth comparing."""
        where = self._telemetry or default_telemetry()
        try:
            self._report(where, (_ambient.perf_counter_ns() - self._started) / _NANOSECONDS, result)
        except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
            where.failed(TelemetryComponent.EXTRACTOR, error)
