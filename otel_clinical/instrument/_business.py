"""Report time, money and risk, with and without the model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry import context as otel_context

from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import Assistance, BusinessEntry, TelemetryComponent, TelemetryRedactionReason, UseCase

from ._arguments import result_reader
from ._declared import checked_identifier, plain_text
from ._event_fields import new_event_id
from ._late import required
from ._misuse import choice, options_only
from ._numbers import Withheld, amount, lasting
from ._recorded import Recorded, attempt
from ._telemetry import default_telemetry
from ._wrap import Observation, is_marked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.semconv import MetricDef

    from ._sink import Labels, Sink
    from ._telemetry import Telemetry

F = TypeVar("F")
KIND: Final = "business"
_CURRENCY_LENGTH: Final = 3


def record_revenue(
    value: object,
    *,
    use_case: UseCase | str,
    currency: str = "USD",
    assistance: Assistance | str = Assistance.WITH_AI,
    entry: BusinessEntry | str = BusinessEntry.CREDIT,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report revenue, 0 or more; take back with `entry=BusinessEntry.DEBIT`. Never raises."""
    where = telemetry or default_telemetry()

    def record() -> str:
        labels = (
            (attributes.USE_CASE, required(where, UseCase, use_case).value),
            (attributes.BUSINESS_CURRENCY, _currency(currency)),
            (attributes.ASSISTANCE, required(where, Assistance, assistance).value),
            (attributes.BUSINESS_ENTRY, required(where, BusinessEntry, entry).value),
        )
        return _count(where, metrics.BUSINESS_REVENUE, labels, amount(value))

    return attempt(where, record)


def record_cost(
    value: object,
    *,
    use_case: UseCase | str,
    currency: str = "USD",
    category: str | None = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report a cost, 0 or more, of a declared category. Never raises."""
    where = telemetry or default_telemetry()

    def record() -> str:
        labels = (
            (attributes.USE_CASE, required(where, UseCase, use_case).value),
            (attributes.BUSINESS_CURRENCY, _currency(currency)),
            (attributes.BUSINESS_CATEGORY, where.declared.admit(attributes.BUSINESS_CATEGORY, category)),
        )
        return _count(where, metrics.BUSINESS_COST, labels, amount(value))

    return attempt(where, record)


def record_encounter(
    *,
    use_case: UseCase | str,
    assistance: Assistance | str = Assistance.WITH_AI,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report one encounter, the denominator of the business figures. Never raises."""
    where = telemetry or default_telemetry()

    def record() -> str:
        labels = (
            (attributes.USE_CASE, required(where, UseCase, use_case).value),
            (attributes.ASSISTANCE, required(where, Assistance, assistance).value),
        )
        return _count(where, metrics.BUSINESS_ENCOUNTERS, labels, 1)

    return attempt(where, record)


def record_risk_event(
    *,
    use_case: UseCase | str,
    category: str | None = None,
    telemetry: Telemetry | None = None,
) -> Recorded:
    """Report one risk event (a denial, a complaint) of a declared category. Never raises."""
    where = telemetry or default_telemetry()

    def record() -> str:
        labels = (
            (attributes.USE_CASE, required(where, UseCase, use_case).value),
            (attributes.BUSINESS_CATEGORY, where.declared.admit(attributes.BUSINESS_CATEGORY, category)),
        )
        return _count(where, metrics.BUSINESS_RISK_EVENTS, labels, 1)

    return attempt(where, record)


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
            (attributes.ASSISTANCE, required(where, Assistance, assistance).value),
        )
        where.put(_Figure(metrics.TASK_DURATION, labels, lasting(seconds)))
        return new_event_id()

    return attempt(where, record)


@options_only('@business(task="chart_review")')
def business(
    *,
    task: str,
    assistance: Assistance | str = Assistance.WITH_AI,
    use_case: UseCase | str = UseCase.OTHER,
    revenue: str | Callable[[Any], object] | None = None,
    cost: str | Callable[[Any], object] | None = None,
    currency: str = "USD",
    encounter: bool = False,
    telemetry: Telemetry | None = None,
) -> Callable[[F], F]:
    """Time a function as a unit of work, and report the money and encounters it stands for.

    Args:
        task: Name of the unit of work; declares it.
        assistance: Whether the model helps with it.
        use_case: Clinical use of the model.
        revenue: Key, attribute or function of the result.
        cost: Key, attribute or function of the result.
        currency: ISO 4217 code of both.
        encounter: Whether each call is one encounter.
        telemetry: Where to report; the process default otherwise.
    """
    name = checked_identifier("task", task)
    readers = {
        key: result_reader(source) for key, source in (("revenue", revenue), ("cost", cost)) if source is not None
    }
    helped, case = choice("assistance", Assistance, assistance), choice("use_case", UseCase, use_case)

    def report(where: Telemetry, seconds: float, result: object) -> None:
        where.declared.declare(attributes.TASK_NAME, [name])
        record_task(name, seconds, assistance=helped, telemetry=where)
        if encounter:
            record_encounter(use_case=case, assistance=helped, telemetry=where)
        if "revenue" in readers:
            value = readers["revenue"](result)
            record_revenue(value, use_case=case, currency=currency, assistance=helped, telemetry=where)
        if "cost" in readers:
            record_cost(readers["cost"](result), use_case=case, currency=currency, telemetry=where)

    def decorate(function: F) -> F:
        if is_marked(function, KIND):
            (telemetry or default_telemetry()).failed(TelemetryComponent.DECORATOR, "AlreadyDecorated")
            return function

        def begin(_: tuple[Any, ...], __: dict[str, Any]) -> Observation:
            return _TaskObservation(report, telemetry)

        wrapped: F = wrap(function, begin, KIND)
        return wrapped

    return decorate


class _TaskObservation(Observation):
    """One unit of work."""

    __slots__ = ("_report", "_started", "_telemetry")

    def __init__(self, report: Callable[[Telemetry, float, object], None], telemetry: Telemetry | None) -> None:
        super().__init__()
        self._report = report
        self._telemetry = telemetry
        self._started = time.perf_counter()

    def succeed(self, result: object) -> None:
        """Report the finished work; unfinished work has no duration worth comparing."""
        where = self._telemetry or default_telemetry()
        try:
            self._report(where, time.perf_counter() - self._started, result)
        except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
            where.failed(TelemetryComponent.EXTRACTOR, error)


class _Figure:
    """One business figure on its way to the background thread."""

    __slots__ = ("_context", "_labels", "_metric", "_value")

    def __init__(self, metric: MetricDef, labels: Labels, value: float) -> None:
        self._metric = metric
        self._labels = labels
        self._value = value
        self._context = otel_context.get_current()

    def derive(self, sink: Sink) -> None:
        """Write the point."""
        write = sink.count if self._metric.instrument == "counter" else sink.observe
        write(self._metric, self._labels, self._value, self._context)


def _count(telemetry: Telemetry, metric: MetricDef, labels: Labels, value: float) -> str:
    telemetry.put(_Figure(metric, labels, value))
    return new_event_id()


def _currency(value: object) -> str:
    text = plain_text(value)
    if text is None or len(text) != _CURRENCY_LENGTH or not (text.isascii() and text.isalpha() and text.isupper()):
        raise Withheld(TelemetryRedactionReason.PATTERN)
    return text
