"""Report money and risk, with and without the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from otel_clinical._spelling import spelled
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import Assistance, BusinessEntry, TelemetryComponent, TelemetryRedactionReason, UseCase

from ._arguments import result_reader
from ._declared import checked_identifier, plain_text
from ._event_fields import new_event_id
from ._figure import Figure
from ._late import required
from ._misuse import choice, options_only
from ._numbers import Withheld, amount
from ._recorded import Recorded, attempt
from ._task import TimedWork, declare_task, record_task
from ._telemetry import default_telemetry
from ._wrap import Observation, is_marked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.semconv import MetricDef

    from ._sink import Labels
    from ._telemetry import Telemetry

F = TypeVar("F")
KIND: Final = "business"
_CURRENCY_LENGTH: Final = 3


@spelled
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
            (attributes.USE_CASE, required(where, UseCase, use_case, "record_revenue: use_case").value),
            (attributes.BUSINESS_CURRENCY, _currency(currency)),
            (attributes.ASSISTANCE, required(where, Assistance, assistance, "record_revenue: assistance").value),
            (attributes.BUSINESS_ENTRY, required(where, BusinessEntry, entry, "record_revenue: entry").value),
        )
        return _count(where, metrics.BUSINESS_REVENUE, labels, amount(value))

    return attempt(where, record)


@spelled
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
            (attributes.USE_CASE, required(where, UseCase, use_case, "record_cost: use_case").value),
            (attributes.BUSINESS_CURRENCY, _currency(currency)),
            (attributes.BUSINESS_CATEGORY, where.declared.admit(attributes.BUSINESS_CATEGORY, category)),
        )
        return _count(where, metrics.BUSINESS_COST, labels, amount(value))

    return attempt(where, record)


@spelled
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
            (attributes.USE_CASE, required(where, UseCase, use_case, "record_encounter: use_case").value),
            (attributes.ASSISTANCE, required(where, Assistance, assistance, "record_encounter: assistance").value),
        )
        return _count(where, metrics.BUSINESS_ENCOUNTERS, labels, 1)

    return attempt(where, record)


@spelled
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
            (attributes.USE_CASE, required(where, UseCase, use_case, "record_risk_event: use_case").value),
            (attributes.BUSINESS_CATEGORY, where.declared.admit(attributes.BUSINESS_CATEGORY, category)),
        )
        return _count(where, metrics.BUSINESS_RISK_EVENTS, labels, 1)

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
        declare_task(where, name)
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
            return TimedWork(report, telemetry)

        wrapped: F = wrap(function, begin, KIND)
        return wrapped

    return decorate


def _count(telemetry: Telemetry, metric: MetricDef, labels: Labels, value: float) -> str:
    telemetry.put(Figure(metric, labels, value))
    return new_event_id()


def _currency(value: object) -> str:
    text = plain_text(value)
    if text is None or len(text) != _CURRENCY_LENGTH or not (text.isascii() and text.isalpha() and text.isupper()):
        raise Withheld(TelemetryRedactionReason.PATTERN)
    return text
