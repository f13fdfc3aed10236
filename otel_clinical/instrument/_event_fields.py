"""What every event about an inference carries, taken from its receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_clinical.semconv import SEGMENT_ATTRIBUTES, attributes

from . import _ambient

if TYPE_CHECKING:
    from ._receipt import Receipt

Fields = dict[str, str | int | float]

_SEGMENT_KEYS: Final = {name.value: key for name, key in SEGMENT_ATTRIBUTES.items()}


def new_event_id() -> str:
    """Return a random event id, 32 hexadecimal digits."""
    return _ambient.random_bytes(16).hex()


def event_fields(receipt: Receipt, event_id: str) -> Fields:
    """Return the attributes that tie an event to its inference, version and segments."""
    fields: Fields = {
        attributes.EVENT_ID: event_id,
        attributes.INFERENCE_ID: receipt.inference_id,
        attributes.INFERENCE_TIME: receipt.time,
        attributes.MODEL_NAME: receipt.model,
        attributes.MODEL_VERSION: receipt.version,
        attributes.DEPLOYMENT_ACTIVATION: receipt.activation,
        attributes.USE_CASE: receipt.use_case,
        attributes.ROUTING_LEVEL: receipt.route,
    }
    if receipt.confidence is not None:
        fields[attributes.CONFIDENCE_SCORE] = receipt.confidence
    for name, value in receipt.segments.items():
        fields[_SEGMENT_KEYS[name]] = value
    return fields


def receipt_context(receipt: Receipt) -> Context:
    """Return a context in the trace of the original inference, as if from a remote parent."""
    _, trace_id, span_id, flags = receipt.traceparent.split("-")
    span = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(span), Context()) if span.is_valid else Context()
