"""Money, encounters, risk events and the time that work takes."""

from __future__ import annotations

import pytest

from otel_clinical.instrument import (
    Rejection,
    business,
    declare_values,
    record_cost,
    record_encounter,
    record_revenue,
    record_risk_event,
    record_task,
)
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import UseCase


def test_money_is_counted_as_credit_and_debit_and_never_negative(capture):
    where = {"telemetry": capture.telemetry}
    assert record_revenue(100.5, use_case=UseCase.REVENUE_CYCLE, **where)
    assert record_revenue(20, use_case="revenue_cycle", entry="debit", assistance="without_ai", **where)
    assert record_revenue(-5, use_case="revenue_cycle", **where).rejection is Rejection.BAD_VALUE
    assert record_revenue(5, use_case="revenue_cycle", currency="dollars", **where).rejection is Rejection.BAD_VALUE
    assert record_cost(7, use_case="revenue_cycle", category="Mr Smith", **where)
    declare_values(attributes.BUSINESS_CATEGORY, ["denial"], **where)
    assert record_risk_event(use_case="revenue_cycle", category="denial", **where)
    assert record_encounter(use_case="revenue_cycle", **where)
    assert capture.points(metrics.BUSINESS_REVENUE) == {
        ("revenue_cycle", "USD", "with_ai", "credit"): 100.5,
        ("revenue_cycle", "USD", "without_ai", "debit"): 20,
    }
    assert capture.points(metrics.BUSINESS_COST) == {("revenue_cycle", "USD", "_OTHER"): 7}
    assert capture.points(metrics.BUSINESS_RISK_EVENTS) == {("revenue_cycle", "denial"): 1}
    assert capture.points(metrics.BUSINESS_ENCOUNTERS) == {("revenue_cycle", "with_ai"): 1}
    capture.assert_conforms()


def test_a_decorated_task_reports_its_time_money_and_encounter(capture):
    @business(
        task="chart_review",
        use_case="revenue_cycle",
        revenue="paid",
        cost=lambda result: result["cost"],
        encounter=True,
        telemetry=capture.telemetry,
    )
    def work():
        return {"paid": 10.0, "cost": 2.0}

    assert work()["paid"] == 10
    ((labels, (count, seconds)),) = capture.points(metrics.TASK_DURATION).items()
    assert (labels, count) == (("chart_review", "with_ai"), 1)
    assert 0 <= seconds < 60
    assert sum(capture.points(metrics.BUSINESS_REVENUE).values()) == 10
    assert sum(capture.points(metrics.BUSINESS_COST).values()) == 2
    assert sum(capture.points(metrics.BUSINESS_ENCOUNTERS).values()) == 1


def test_an_undeclared_task_is_other(capture):
    assert record_task("Mr Smith", 5, telemetry=capture.telemetry)
    assert capture.points(metrics.TASK_DURATION) == {("_OTHER", "with_ai"): (1, 5.0)}


def test_only_attributes_with_declared_values_can_be_declared(capture):
    with pytest.raises(ValueError, match="for segments use declare_segments"):
        declare_values(attributes.MODEL_NAME, ["x"], telemetry=capture.telemetry)
