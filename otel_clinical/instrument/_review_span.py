"""Show a review in the trace of whoever reviews, linked to the inference that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import Link, get_current_span

from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import LinkRelation, TelemetryComponent

from ._context import without_trace_state

if TYPE_CHECKING:
    from otel_clinical.semconv.enums import ReviewAction

    from ._late import LateReport

_NANOSECONDS: Final = 1_000_000_000


def mark_review(report: LateReport, action: ReviewAction, duration: float | None) -> None:
    """Record a span that ends when the review did, where the caller is traced. Never raises.

    It belongs to the caller's trace and links to the inference: by the time of a review the sampling of that trace is
    decided and its store may be closed, so a child would be lost. Without a measured duration it has no length.
    """
    if not get_current_span().is_recording():
        return
    try:
        receipt = report.receipt
        answered = get_current_span(report.context).get_span_context()
        relation = {attributes.LINK_RELATION: LinkRelation.REVIEW_OF.value}
        span = report.telemetry.tracer.start_span(
            f"review {receipt.model}",
            context=without_trace_state(None),
            links=[Link(answered, relation)] if answered.is_valid else None,
            start_time=report.at - round((duration or 0.0) * _NANOSECONDS),
            attributes={
                attributes.INFERENCE_ID: receipt.inference_id,
                attributes.MODEL_NAME: receipt.model,
                attributes.MODEL_VERSION: receipt.version,
                attributes.REVIEW_ACTION: action.value,
            },
        )
        span.end(report.at)
    except Exception as error:  # noqa: BLE001 -- the report itself goes on
        report.telemetry.failed(TelemetryComponent.DECORATOR, error)
