"""Every name that telemetry of clinical AI may carry, generated from the registry in ``registry/``.

Nothing else in the project spells a telemetry name: use ``attributes.MODEL_NAME``, ``metrics.OUTCOMES`` and so on.
"""

from __future__ import annotations

from typing import Final

from otel_clinical.semconv import allowlist, attributes, enums, events, metrics, spans
from otel_clinical.semconv._definitions import AttributeRule, EventDef, MetricDef, SpanDef
from otel_clinical.semconv._generated import SCHEMA_URL
from otel_clinical.semconv._prometheus import prometheus_family, prometheus_label
from otel_clinical.semconv._segments import AGGREGATE, OTHER, SEGMENT_ATTRIBUTES, segment_attribute

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
