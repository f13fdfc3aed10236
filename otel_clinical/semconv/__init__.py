"""Every name that telemetry of clinical AI may carry, generated from the registry in ``registry/``.

Nothing else in the project spells a telemetry name: use ``attributes.MODEL_NAME``, ``metrics.OUTCOMES`` and so on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.semconv import attributes, enums, events, metrics, spans
from otel_clinical.semconv._definitions import AttributeRule, EventDef, MetricDef, SpanDef
from otel_clinical.semconv._generated import SCHEMA_URL
from otel_clinical.semconv._prometheus import prometheus_family, prometheus_label
from otel_clinical.semconv._segments import AGGREGATE, OTHER, SEGMENT_ATTRIBUTES, segment_attribute

if TYPE_CHECKING:
    from otel_clinical.semconv import allowlist

SCOPE_NAME: Final = "otel_clinical"
"""Name of the instrumentation scope of everything this project emits."""

__all__ = [
    "AGGREGATE",
    "OTHER",
    "SCHEMA_URL",
    "SCOPE_NAME",
    "SEGMENT_ATTRIBUTES",
    "AttributeRule",
    "EventDef",
    "MetricDef",
    "SpanDef",
    "allowlist",
    "attributes",
    "enums",
    "events",
    "metrics",
    "prometheus_family",
    "prometheus_label",
    "segment_attribute",
    "spans",
]


def __getattr__(name: str) -> Any:
    """Load the allow-list when it is first used: only what exports needs it, and it is long (PEP 562)."""
    if name != "allowlist":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("otel_clinical.semconv.allowlist")
