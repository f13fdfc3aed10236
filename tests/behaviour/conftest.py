"""Every public decorator, ready for a function with a parameter `receipt`, and what shows that it reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context

from otel_clinical import (
    FeedbackRating,
    OutcomeResult,
    QualityProfile,
    Receipt,
    ReviewAction,
    SafetyEventSeverity,
    Telemetry,
    business,
    feedback,
    inference,
    input_quality,
    outcome,
    record_inference,
    review,
    safety_event,
    set_telemetry,
    task,
)
from otel_clinical.semconv import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.semconv import MetricDef


@dataclass(frozen=True)
class Decorator:
    """A decorator and the metric that it counts once per finished call; None where it reports with an inference."""

    name: str
    make: Callable[..., Any]
    metric: MetricDef | None

    def __call__(self, function: Any) -> Any:
        return self.make()(function)


DECORATORS = (
    Decorator("inference", lambda: inference(model="coding", version="7"), metrics.INFERENCES),
    Decorator("input_quality", lambda: input_quality(QualityProfile(required=("receipt",))), None),
    Decorator("review", lambda: review(action=ReviewAction.ACCEPTED), metrics.REVIEWS),
    Decorator("outcome", lambda: outcome(result=OutcomeResult.CORRECT), metrics.OUTCOMES),
    Decorator("feedback", lambda: feedback(rating=FeedbackRating.POSITIVE), metrics.FEEDBACK_SUBMISSIONS),
    Decorator("safety_event", lambda: safety_event(severity=SafetyEventSeverity.NEAR_MISS), metrics.SAFETY_EVENTS),
    Decorator("task", lambda: task("chart_review"), metrics.TASK_DURATION),
    Decorator("business", lambda: business(task="chart_review"), metrics.TASK_DURATION),
)


@pytest.fixture(params=DECORATORS, ids=lambda one: one.name)
def decorator(request):
    return request.param


@pytest.fixture
def receipt(clinical_telemetry) -> Receipt:
    """A receipt of an inference whose own points do not count."""
    elsewhere = Telemetry(synchronous=True)
    return record_inference(model="coding", version="7", telemetry=elsewhere)


@pytest.fixture
def reported(clinical_telemetry):
    """Return how often a decorator reported."""

    def count(decorator):
        if decorator.metric is None:
            return None
        return sum(clinical_telemetry.points(decorator.metric).values())

    return count


@pytest.fixture
def without_sdk():
    """The default telemetry of a process without an SDK."""
    before = set_telemetry(Telemetry())
    yield
    set_telemetry(before)


@pytest.fixture(autouse=True)
def no_context_is_left():
    """Whatever a test does, the caller's context is afterwards what it was."""
    before = otel_context.get_current()
    yield
    assert otel_context.get_current() is before
