"""Which metric points and events follow from one inference."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import DeploymentRole, InputQualityAction

from ._event_fields import event_fields, new_event_id
from ._sink import Shape, context_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.quality import QualityResult

    from ._current import Inference
    from ._sink import Labels, Point, Sink


def derive_inference(inference: Inference, sink: Sink) -> None:
    """Write the points of a finished inference, with its trace as exemplar."""
    trace = inference.trace
    key = _key(inference)
    shape = sink.repeat(key, trace)
    if shape is None:
        shape = sink.begin(key, _shape(inference), trace)
    if inference.duration is not None:
        sink.observe(metrics.INFERENCE_DURATION, shape.timed, inference.duration, trace)
    if inference.confidence is not None:
        sink.observe(metrics.CONFIDENCE, shape.served, inference.confidence, trace)
    if inference.quality is not None:
        _derive_quality(inference, inference.quality, shape.checked, sink)


def _key(inference: Inference) -> tuple[object, ...]:
    """Return what two inferences of one shape have in common."""
    spec, quality = inference.spec, inference.quality
    # Members of an enumeration exist once and are slow to hash; what is no member is None.
    return (
        spec.model,
        inference.version,
        id(spec.use_case),
        id(spec.role),
        id(inference.status),
        id(inference.route),
        id(inference.reason),
        id(inference.abstention),
        inference.error,
        None if quality is None else id(quality.action),
        *inference.segments.items(),
    )


def _shape(inference: Inference) -> Shape:
    spec = inference.spec
    used = ((attributes.MODEL_NAME, spec.model), (attributes.MODEL_VERSION, inference.version))
    served = (*used, (attributes.USE_CASE, spec.use_case.value), (attributes.DEPLOYMENT_ROLE, spec.role.value))
    failed: Labels = () if inference.error is None else ((attributes.ERROR_TYPE, inference.error),)
    return Shape(
        counts=tuple(_counts(inference, used, served, failed)),
        timed=(*served, *failed),
        served=served,
        checked=((attributes.MODEL_NAME, spec.model), (attributes.USE_CASE, spec.use_case.value)),
    )


def _counts(inference: Inference, used: Labels, served: Labels, failed: Labels) -> Iterator[Point]:
    level = (attributes.ROUTING_LEVEL, inference.route.value)
    status = (attributes.INFERENCE_STATUS, inference.status.value if inference.status is not None else "")
    yield metrics.INFERENCES, (*served, status, level, *failed)
    if inference.spec.role is DeploymentRole.SHADOW:
        return  # what has no role among its labels is about the answers that somebody was given
    if inference.abstention is not None:
        yield metrics.ABSTENTIONS, (*used, (attributes.ABSTENTION_REASON, inference.abstention.value))
    proposed: Labels = () if inference.reason is None else ((attributes.ROUTING_REASON, inference.reason.value),)
    yield metrics.ROUTING_DECISIONS, (*used, level, *proposed)
    for name, value in inference.segments.items():
        yield (
            metrics.SEGMENT_INFERENCES,
            (*used, (attributes.SEGMENT_NAME, name), (attributes.SEGMENT_VALUE, value), level),
        )
    if inference.quality is None:
        return
    model, case = (attributes.MODEL_NAME, inference.model), (attributes.USE_CASE, inference.spec.use_case.value)
    action = (attributes.INPUT_QUALITY_ACTION, inference.quality.action.value)
    yield metrics.INPUT_RECORDS, (model, case, action)
    for name, value in inference.segments.items():
        segment = ((attributes.SEGMENT_NAME, name), (attributes.SEGMENT_VALUE, value))
        yield metrics.SEGMENT_RECORDS, (model, *segment, action)


def _derive_quality(inference: Inference, quality: QualityResult, checked: Labels, sink: Sink) -> None:
    """Write what the input-quality gate found, and the event of a refusal."""
    if quality.score is not None:
        sink.observe(metrics.INPUT_QUALITY, checked, quality.score, inference.trace)
    if quality.issues:
        for issue, count in Counter((issue.domain.value, issue.type.value) for issue in quality.issues).items():
            domain, kind = issue
            labels = (checked[0], (attributes.INPUT_DOMAIN, domain), (attributes.INPUT_ISSUE_TYPE, kind))
            sink.count(metrics.INPUT_ISSUES, labels, count, inference.trace)
    if quality.action is InputQualityAction.REFUSE:
        fields = event_fields(inference.receipt, new_event_id())
        fields[attributes.INPUT_QUALITY_ACTION] = quality.action.value
        if quality.score is not None:
            fields[attributes.INPUT_QUALITY_SCORE] = quality.score
        sink.emit(events.INPUT_REJECTED, fields, at=inference.started_ns, context=context_of(inference.trace))
