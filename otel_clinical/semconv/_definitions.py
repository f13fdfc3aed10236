"""The shapes of what the registry defines; the generated modules hold the instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Instrument = Literal["counter", "updowncounter", "gauge", "histogram"]
Source = Literal["inference", "processor", "controller"]
AttributeType = Literal["string", "int", "double", "boolean"]
Sensitivity = Literal["none", "quasi", "linkable", "workforce"]
MetricLabel = Literal["required", "recommended", "opt_in", "never"]


@dataclass(frozen=True, slots=True)
class MetricDef:
    """Describe one metric of the registry.

    Attributes:
        name: OpenTelemetry name, such as ``clinical_ai.outcomes``.
        instrument: Kind of instrument that records it.
        unit: UCUM unit or annotation, such as ``s`` or ``{outcome}``.
        description: One sentence on what is measured.
        attributes: Keys a point may carry, in registry order.
        buckets: Upper bounds of a histogram, in the metric's unit; None for other instruments.
        prometheus: Exact family name in Prometheus, such as ``clinical_ai_outcomes_total``.
        source: Process that exposes it.
    """

    name: str
    instrument: Instrument
    unit: str
    description: str
    attributes: tuple[str, ...]
    buckets: tuple[float, ...] | None
    prometheus: str
    source: Source


@dataclass(frozen=True, slots=True)
class EventDef:
    """Describe one event: its keys, those it must carry, and its severity, raised when it is bad news."""

    name: str
    description: str
    severity: str
    elevated_severity: str
    attributes: tuple[str, ...]
    required: frozenset[str]


@dataclass(frozen=True, slots=True)
class SpanDef:
    """Describe one span type: how its name is formed, its keys and those that samplers may read."""

    type: str
    kind: str
    name_pattern: str
    description: str
    attributes: tuple[str, ...]
    required: frozenset[str]
    sampling_relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """State what a value of one attribute may be before it may leave the process.

    Attributes:
        type: Type of the value.
        phi: Sensitivity: none, quasi-identifier, linkable to a person, or about the workforce.
        metric_label: Whether metric points may carry it.
        max_length: Longest string, in characters; None for other types and enums.
        enum: Allowed values; None when the values are not a closed set.
    """

    type: AttributeType
    phi: Sensitivity
    metric_label: MetricLabel
    max_length: int | None
    enum: frozenset[str] | None
