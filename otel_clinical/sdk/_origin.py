"""Reduce where a signal comes from: its resource, its scope and the trace it belongs to."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext

from otel_clinical.sdk._rules import admit, safe_text
from otel_clinical.semconv import SCHEMA_URL, SCOPE_NAME, allowlist

UNKNOWN_SCOPE: Final = "unknown"


def is_own(scope: InstrumentationScope | None) -> bool:
    """Tell whether a signal claims to be ours, and so obeys the registry."""
    return scope is not None and scope.name == SCOPE_NAME


def redact_resource(resource: Resource | None) -> Resource:
    """Keep the few resource attributes that identify a service; host, process and custom attributes are dropped."""
    return Resource(admit(resource.attributes if resource is not None else {}, allowlist.RESOURCE))


def redact_scope(scope: InstrumentationScope | None) -> InstrumentationScope:
    """Keep the name and version of a scope; its attributes and schema are dropped, except for our own schema."""
    if scope is None:
        return InstrumentationScope(UNKNOWN_SCOPE)
    name = safe_text(scope.name) or UNKNOWN_SCOPE
    return InstrumentationScope(name, safe_text(scope.version, 64), SCHEMA_URL if is_own(scope) else None)


def redact_context(context: SpanContext | None) -> SpanContext | None:
    """Keep the identifiers; the trace state is dropped, because callers outside may write what they like into it."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
