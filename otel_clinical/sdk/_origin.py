"""Reduce where a signal comes from: its resource, its scope and the trace it belongs to."""

from __future__ import annotations

import sys
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext

from otel_clinical._version import __version__
from otel_clinical.sdk._rules import admit, safe_text
from otel_clinical.semconv import SCHEMA_URL, SCOPE_NAME, allowlist

UNKNOWN_SCOPE: Final = "unknown"
OWN_SCOPE: Final = InstrumentationScope(SCOPE_NAME, __version__, SCHEMA_URL)


def is_own(scope: InstrumentationScope | None) -> bool:
    """Tell whether a signal claims to be ours, and so obeys the registry."""
    return scope is not None and scope.name == SCOPE_NAME


def redact_resource(resource: Resource | None) -> Resource:
    """Keep the few resource attributes that identify a service; host, process and custom attributes are dropped."""
    return Resource(admit(resource.attributes if resource is not None else {}, allowlist.RESOURCE))


def redact_scope(scope: InstrumentationScope | None) -> InstrumentationScope:
    """Keep the name of a scope that is a module of this program; versions, attributes and schemas of others go.

    A scope may be named after anything: a logger that is named after a patient becomes one.
    """
    if is_own(scope):
        return OWN_SCOPE
    name = safe_text(scope.name) if scope is not None else None
    return InstrumentationScope(name if name is not None and name in sys.modules else UNKNOWN_SCOPE)


def redact_context(context: SpanContext | None) -> SpanContext | None:
    """Keep the identifiers; the trace state is dropped, because callers outside may write what they like into it."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
