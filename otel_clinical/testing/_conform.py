"""Hold what was captured against the registry: names, types, units, closed sets, and what may identify a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from otel_clinical.semconv import SCOPE_NAME, allowlist, attributes, events, metrics, spans

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.metrics.export import Metric
    from opentelemetry.sdk.trace import ReadableSpan

    from otel_clinical.testing._capture import Capture

_TYPES: Final = {"string": str, "int": int, "double": float, "boolean": bool}
_METRICS: Final = {metric.name: metric for metric in metrics.ALL}
_FIRST: Final = 20


def assert_conforms(capture: Capture) -> None:
    """Fail unless everything our scope captured is what the registry describes; list what is not.

    Raises:
        AssertionError: something does not conform, or nothing was captured at all.
    """
    scoped_spans = [s for s in capture.spans if s.instrumentation_scope and s.instrumentation_scope.name == SCOPE_NAME]
    scoped_events = [
        e for e in capture.events if e.instrumentation_scope and e.instrumentation_scope.name == SCOPE_NAME
    ]
    scoped_metrics = list(_scoped_metrics(capture))
    if not (scoped_spans or scoped_events or scoped_metrics):
        raise AssertionError("nothing was captured: was the code under test called inside the capture?")
    problems = [problem for span in scoped_spans for problem in _span_problems(span)]
    problems += [problem for event in scoped_events for problem in _event_problems(event)]
    problems += [problem for metric in scoped_metrics for problem in _metric_problems(metric)]
    if problems:
        shown = "\n".join(f"- {problem}" for problem in dict.fromkeys(problems[:_FIRST]))
        raise AssertionError(f"telemetry does not conform to the registry:\n{shown}")


def _scoped_metrics(capture: Capture) -> Iterator[Metric]:
    data = capture.metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            if scope.scope.name == SCOPE_NAME:
                yield from scope.metrics


def _span_problems(span: ReadableSpan) -> Iterator[str]:
    definition = spans.DEFINITIONS[
        spans.REVIEW if attributes.REVIEW_ACTION in (span.attributes or {}) else spans.INFERENCE
    ]
    yield from _attribute_problems(f"span {definition.type}", span.attributes or {}, definition.attributes)
    yield from _missing(f"span {definition.type}", span.attributes or {}, definition.required)
    if span.events:
        yield f"span {definition.type} has events; exception texts would leave with them"
    if span.status.description:
        yield f"span {definition.type} has a status description, expected none"


def _event_problems(event: ReadableLogRecord) -> Iterator[str]:
    record = event.log_record
    definition = events.DEFINITIONS.get(record.event_name or "")
    if definition is None:
        yield f"event {record.event_name!r} is not in the registry"
        return
    name, found = f"event {definition.name}", record.attributes or {}
    yield from _attribute_problems(name, found, definition.attributes)
    yield from _missing(name, found, definition.required)
    if record.body is not None:
        yield f"{name} has a body, expected none"
    if record.severity_text not in {definition.severity, definition.elevated_severity}:
        yield f"{name} has severity {record.severity_text!r}, expected {definition.severity!r}"


def _metric_problems(metric: Metric) -> Iterator[str]:
    definition = _METRICS.get(metric.name)
    if definition is None:
        yield f"metric {metric.name!r} is not in the registry"
        return
    name = f"metric {metric.name}"
    if metric.unit != definition.unit:
        yield f"{name} has unit {metric.unit!r}, expected {definition.unit!r}"
    if metric.description != definition.description:
        yield f"{name} has another description than the registry"
    for point in metric.data.data_points:
        labels = point.attributes or {}
        yield from _attribute_problems(name, labels, definition.attributes)
        for key in labels:
            rule = allowlist.ATTRIBUTES.get(key)
            if rule is not None and rule.metric_label == "never":
                yield f"{name}: {key} may never be a label (patient-data class {rule.phi!r})"
        bounds = getattr(point, "explicit_bounds", None)
        if definition.buckets is not None and tuple(bounds or ()) != definition.buckets:
            yield f"{name} has buckets {bounds!r}, expected {definition.buckets!r}"


def _missing(name: str, found: Mapping[str, Any], required: Collection[str]) -> Iterator[str]:
    for key in sorted(set(required) - set(found)):
        yield f"{name} lacks {key}"


def _attribute_problems(name: str, found: Mapping[str, Any], allowed: Collection[str]) -> Iterator[str]:
    for key, value in found.items():
        rule = allowlist.ATTRIBUTES.get(key)
        if rule is None or key not in allowed:
            yield f"{name}: {key} is not one of its attributes"
        elif type(value) is not _TYPES[rule.type]:
            yield f"{name}: {key} is of type {type(value).__name__}, expected {rule.type}"
        elif rule.enum is not None and value not in rule.enum:
            yield f"{name}: {key} is {value!r}, expected one of {', '.join(sorted(rule.enum))}"
        elif rule.max_length is not None and len(str(value)) > rule.max_length:
            yield f"{name}: {key} has {len(str(value))} characters, expected at most {rule.max_length}"
