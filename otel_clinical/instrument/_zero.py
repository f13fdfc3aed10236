"""Start every closed counter at zero, because `increase()` cannot see a series that is born at 1."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from otel_clinical.semconv import OTHER, SEGMENT_ATTRIBUTES, attributes, metrics
from otel_clinical.semconv.enums import (
    OutcomeResult,
    OutcomeSource,
    OverrideReason,
    ReviewAction,
    RoutingLevel,
    SafetyEventSeverity,
    SafetyEventType,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._declared import DeclaredValues
    from ._sink import Labels, Point, Sink


class VersionRegister:
    """Remember which model versions exist and write their zeros once per meter provider."""

    def __init__(self, declared: DeclaredValues) -> None:
        self._declared = declared
        self._versions: dict[tuple[str, str], set[str]] = {}
        self._written: set[tuple[str, str, str]] = set()
        self._provider: object = None

    def add(self, model: str, version: str, use_case: str) -> bool:
        """Register a version; False when it was known for this use case."""
        cases = self._versions.get((model, version))
        if cases is not None and use_case in cases:
            return False
        self._versions.setdefault((model, version), set()).add(use_case)
        return True

    def write_again(self) -> None:
        """Forget what was written: the counters of this process are new."""
        self._provider = None

    def known(self, model: str) -> tuple[str, ...]:
        """Return the registered versions of a model."""
        return tuple(version for name, version in self._versions if name == model)

    def write_zeros(self, sink: Sink, provider: object) -> None:
        """Write the zeros that the current meter provider has not seen yet."""
        if provider is not self._provider:
            self._provider = provider
            self._written.clear()
        for (model, version), cases in list(self._versions.items()):
            for use_case in list(cases):
                if (model, version, use_case) in self._written:
                    continue
                self._written.add((model, version, use_case))
                for metric, labels in closed_points(model, version, use_case, self._declared):
                    sink.count(metric, labels, 0)


def closed_points(model: str, version: str, use_case: str, declared: DeclaredValues) -> Iterator[Point]:
    """Yield every point of the closed counters of one model version."""
    served = ((attributes.MODEL_NAME, model), (attributes.MODEL_VERSION, version))
    used = (*served, (attributes.USE_CASE, use_case))
    for result, source in product(OutcomeResult, OutcomeSource):
        yield (
            metrics.OUTCOMES,
            (*used, (attributes.OUTCOME_RESULT, result.value), (attributes.OUTCOME_SOURCE, source.value)),
        )
    for level, action in product(RoutingLevel, ReviewAction):
        yield (
            metrics.REVIEWS,
            (*used, (attributes.ROUTING_LEVEL, level.value), (attributes.REVIEW_ACTION, action.value)),
        )
    for reason in OverrideReason:
        yield metrics.OVERRIDES, (*served, (attributes.OVERRIDE_REASON, reason.value))
    for severity, kind in product(SafetyEventSeverity, SafetyEventType):
        yield (
            metrics.SAFETY_EVENTS,
            (
                *served,
                (attributes.SAFETY_EVENT_SEVERITY, severity.value),
                (attributes.SAFETY_EVENT_TYPE, kind.value),
            ),
        )
    yield from _segment_points(served, declared)


def _segment_points(served: Labels, declared: DeclaredValues) -> Iterator[Point]:
    for name, key in SEGMENT_ATTRIBUTES.items():
        allowed = declared.allowed(key)
        for value in (*allowed, OTHER) if allowed else ():
            labels = (
                *served,
                (attributes.SEGMENT_NAME, name.value),
                (attributes.SEGMENT_VALUE, value),
            )
            for result in OutcomeResult:
                yield metrics.SEGMENT_OUTCOMES, (*labels, (attributes.OUTCOME_RESULT, result.value))
            for action in ReviewAction:
                yield metrics.SEGMENT_REVIEWS, (*labels, (attributes.REVIEW_ACTION, action.value))
