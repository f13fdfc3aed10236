"""Prove, before anything is exported, that the redaction in use removes a marker from every place it can hide."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceState

from otel_clinical.sdk._logs import RedactingLogExporter
from otel_clinical.sdk._metrics import Redactor
from otel_clinical.sdk._span_bytes import SpanEncoder
from otel_clinical.sdk._spans import RedactingSpanExporter
from otel_clinical.semconv import SCOPE_NAME, attributes, events, metrics

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from otel_clinical.sdk._rules import Declared

_KEPT: Final = "kept-model"
_SCOPES = (SCOPE_NAME, "some.library")


class _Silent:
    """A ledger for the test itself, so that what it provokes is not counted."""

    def withheld(self, reason: object) -> None:
        """Count nothing."""

    def failed(self, component: object, error: object) -> None:
        """Count nothing."""


class _WithKept:
    """Declares one model for the test itself, beside what is declared."""

    def __init__(self, declared: Declared | None) -> None:
        self._declared = declared

    def allowed(self, key: str) -> Collection[str]:
        """Return the declared values of a key."""
        found = self._declared.allowed(key) if self._declared is not None else ()
        return (*found, _KEPT) if key == attributes.MODEL_NAME else found

    def missed(self, key: str) -> None:
        """Say nothing: the test declares nothing on purpose."""


def self_test(declared: Declared | None = None) -> str | None:
    """Send a marker through the redaction of every signal.

    Args:
        declared: Values that segments may have, as the exporters will be given.

    Returns:
        None when the marker is gone and what must remain remains; otherwise one sentence that says what went wrong.
    """
    marker = f"canary-{secrets.token_hex(8)}"
    for signal, exported in _exports(marker, _WithKept(declared)):
        if marker.encode() in exported:
            return f"the redaction of {signal} let a marker through"
        if _KEPT.encode() not in exported:
            return f"the redaction of {signal} removed what it must keep"
    return None


def _exports(marker: str, declared: Declared) -> Iterator[tuple[str, bytes]]:
    spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    RedactingSpanExporter(spans, _Silent(), declared).export([_span(marker, scope) for scope in _SCOPES])
    yield "spans", encode_spans(spans.get_finished_spans()).SerializeToString()
    yield "written spans", SpanEncoder(_Silent(), declared)([_span(marker, scope) for scope in _SCOPES]).body
    RedactingLogExporter(logs, _Silent(), declared).export([_log(marker, scope) for scope in _SCOPES])
    yield "events", encode_logs(logs.get_finished_logs()).SerializeToString()
    yield "metrics", encode_metrics(Redactor(_Silent(), declared)(_metrics(marker))).SerializeToString()


def _text(marker: str) -> str:
    return f"{marker} is not for export"


def _attributes(marker: str) -> dict[str, str]:
    return {
        attributes.MODEL_NAME: _KEPT,
        # One word, as a record number would be: only that nobody declared it tells it from a version.
        attributes.MODEL_VERSION: marker,
        attributes.SEGMENT_PAYER: _text(marker),
        attributes.OUTCOME_RESULT: _text(marker),
        "exception.message": marker,
        marker: marker,
    }


def _resource(marker: str) -> Resource:
    return Resource({"service.name": "self-test", "host.name": marker, marker: marker})


def _scope(marker: str, name: str) -> InstrumentationScope:
    return InstrumentationScope(name, _text(marker), f"https://example.org/{marker}", {marker: marker})


def _span(marker: str, scope: str) -> ReadableSpan:
    context = SpanContext(1, 1, is_remote=False, trace_state=TraceState([("vendor", marker)]))
    return ReadableSpan(
        name=f"predict {marker}",
        context=context,
        parent=context,
        resource=_resource(marker),
        attributes=_attributes(marker),
        events=(Event("exception", {"exception.stacktrace": marker}),),
        links=(Link(context, {marker: marker, attributes.LINK_RELATION: _text(marker)}),),
        status=Status(StatusCode.ERROR, marker),
        start_time=time.time_ns(),
        end_time=time.time_ns(),
        instrumentation_scope=_scope(marker, scope),
    )


def _log(marker: str, scope: str) -> ReadableLogRecord:
    record = LogRecord(
        timestamp=time.time_ns(),
        severity_text=marker,
        severity_number=SeverityNumber.INFO,
        body=marker,
        attributes=_attributes(marker),
        event_name=events.OUTCOME if scope == SCOPE_NAME else marker,
    )
    return ReadableLogRecord(record, _resource(marker), _scope(marker, scope))


def _metrics(marker: str) -> MetricsData:
    now = time.time_ns()
    point = NumberDataPoint(_attributes(marker), now, now, 1)
    data = Sum([point], AggregationTemporality.CUMULATIVE, is_monotonic=True)
    found = [
        Metric(metrics.OUTCOMES.name, marker, marker, data),
        Metric(_text(marker), marker, marker, data),
        Metric("http.client.active_requests", marker, _text(marker), data),
    ]
    scopes = [ScopeMetrics(_scope(marker, scope), found, marker) for scope in _SCOPES]
    return MetricsData([ResourceMetrics(_resource(marker), scopes, marker)])
