"""Which metric points and events follow from one inference."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace import set_span_in_context

from otel_clinical.semconv import attributes, events, metrics
from otel_clinical.semconv.enums import InputQualityAction

from ._event_fields import event_fields, new_event_id

if TYPE_CHECKING:
    from otel_clinical.quality import QualityResult

    from ._current import Inference
    from ._sink import Labels, Sink

_NO_CONTEXT: Final = Context()


def derive_inference(inference: Inference, sink: Sink) -> None:
    """Write the points of a finished inference, with its trace as exemplar."""
    context = _NO_CONTEXT if inference.span is None else set_span_in_context(inference.span, _NO_CONTEXT)
    spec = inference.spec
    served = ((attributes.MODEL_NAME, spec.model), (attributes.MODEL_VERSION, inference.version))
    used = (*served, (attributes.USE_CASE, spec.use_case.value), (attributes.DEPLOYMENT_ROLE, spec.role.value))
    level = (attributes.ROUTING_LEVEL, inference.route.value)
    failed: Labels = () if inference.error is None else ((attributes.ERROR_TYPE, inference.error),)
    status = inference.status.value if inference.status is not None else ""

    sink.count(metrics.INFERENCES, (*used, (attributes.INFERENCE_STATUS, status), level, *failed), 1, context)
    if inference.duration is not None:
        sink.observe(metrics.INFERENCE_DURATION, (*used, *failed), inference.duration, context)
    if inference.confidence is not None:
        sink.observe(metrics.CONFIDENCE, used, inference.confidence, context)
    if inference.abstention is not None:
        reason = (attributes.ABSTENTION_REASON, inference.abstention.value)
        sink.count(metrics.ABSTENTIONS, (*served, reason), 1, context)
    proposed: Labels = () if inference.reason is None else ((attributes.ROUTING_REASON, inference.reason.value),)
    sink.count(metrics.ROUTING_DECISIONS, (*served, level, *proposed), 1, context)
    for name, value in inference.segments.items():
        labels = (*served, (attributes.SEGMENT_NAME, name), (attributes.SEGMENT_VALUE, value), level)
        sink.count(metrics.SEGMENT_INFERENCES, labels, 1, context)
    if inference.quality is not None:
        _derive_quality(inference, inference.quality, sink, context)


def _derive_quality(inference: Inference, quality: QualityResult, sink: Sink, context: Context) -> None:
    """Write what the input-quality gate found, and the event of a refusal."""
    model = (attributes.MODEL_NAME, inference.model)
    action = (attributes.INPUT_QUALITY_ACTION, quality.action.value)
    used = (model, (attributes.USE_CASE, inference.spec.use_case.value))
    sink.count(metrics.INPUT_RECORDS, (*used, action), 1, context)
    if quality.score is not None:
        sink.observe(metrics.INPUT_QUALITY, used, quality.score, context)
    for issue, count in Counter((issue.domain.value, issue.type.value) for issue in quality.issues).items():
        domain, kind = issue
        labels = (model, (attributes.INPUT_DOMAIN, domain), (attributes.INPUT_ISSUE_TYPE, kind))
        sink.count(metrics.INPUT_ISSUES, labels, count, context)
    for name, value in inference.segments.items():
        labels_segment = (model, (attributes.SEGMENT_NAME, name), (attributes.SEGMENT_VALUE, value), action)
        sink.count(metrics.SEGMENT_RECORDS, labels_segment, 1, context)
    if quality.action is InputQualityAction.REFUSE:
        fields = event_fields(inference.receipt, new_event_id())
        fields[attributes.INPUT_QUALITY_ACTION] = quality.action.value
        if quality.score is not None:
            fields[attributes.INPUT_QUALITY_SCORE] = quality.score
        sink.emit(events.INPUT_REJECTED, fields, at=inference.started_ns, context=context)
