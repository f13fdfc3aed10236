"""Tell whether spans may be written by our own encoder: the exporter takes them, and the bytes are the stock ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from otel_clinical.sdk._origin import redact_scope
from otel_clinical.sdk._span_bytes import SpanEncoder
from otel_clinical.semconv import SCOPE_NAME, attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_clinical.sdk._rules import Value


class _Silent:
    """A ledger for the check itself."""

    def withheld(self, reason: object) -> None:
        """Count nothing."""

    def failed(self, component: object, error: object) -> None:
        """Count nothing."""


def takes_encoded(exporter: SpanExporter) -> bool:
    """Tell whether `exporter` can be given an `EncodedSpans` in place of spans."""
    return bool(getattr(exporter, "takes_encoded", False)) and writes_as_stock()


@cache
def writes_as_stock() -> bool:
    """Write a few spans that need no redaction with both encoders, and compare.

    A release of OpenTelemetry that writes spans otherwise gets them from its own encoder, at its own price.
    """
    spans = list(_spans())
    return SpanEncoder(_Silent())(spans).body == encode_spans(spans).SerializePartialToString()


def _spans() -> Iterator[ReadableSpan]:
    near, far = SpanContext(1, 2, is_remote=False), SpanContext(3, 4, is_remote=True, trace_flags=TraceFlags(1))
    kept: dict[str, Value] = {
        attributes.MODEL_NAME: "model",
        attributes.CONFIDENCE_SCORE: 0.5,
        attributes.DEPLOYMENT_ACTIVATION: 300,
    }
    for parent, kind, status in (
        (None, SpanKind.INTERNAL, Status()),
        (near, SpanKind.CLIENT, Status(StatusCode.OK)),
        (far, SpanKind.SERVER, Status(StatusCode.ERROR)),
    ):
        yield ReadableSpan(
            name="predict model",
            context=near,
            parent=parent,
            resource=Resource({"service.name": "service"}),
            attributes=kept,
            links=(Link(far),) if parent else (),
            kind=kind,
            status=status,
            start_time=1,
            end_time=2**63,
            instrumentation_scope=redact_scope(InstrumentationScope(SCOPE_NAME)),
        )
