"""Span types. Written by `otel-clinical generate semconv`; do not edit."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv._definitions import SpanDef

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFINITIONS",
    "INFERENCE",
    "REVIEW",
    "ROLLBACK",
]

INFERENCE: Final = "clinical_ai.inference"
"""One call of a model."""

REVIEW: Final = "clinical_ai.review"
"""The work of reviewing an answer, linked to the inference."""

ROLLBACK: Final = "clinical_ai.rollback"
"""A rollback, from alert to verified recovery."""

DEFINITIONS: Final[Mapping[str, SpanDef]] = MappingProxyType(
    {
        INFERENCE: SpanDef(
            type=INFERENCE,
            kind="internal",
            name_pattern="{clinical_ai.operation.name} {clinical_ai.model.name}",
            description="One call of a model.",
            attributes=("clinical_ai.inference.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.operation.name", "clinical_ai.deployment.role", "clinical_ai.deployment.activation", "clinical_ai.router.epoch", "clinical_ai.inference.status", "clinical_ai.abstention.reason", "clinical_ai.input.quality.score", "clinical_ai.input.quality.action", "clinical_ai.confidence.score", "clinical_ai.confidence.method", "clinical_ai.routing.level", "clinical_ai.routing.reason", "clinical_ai.routing.rule.id", "clinical_ai.model.provider", "clinical_ai.model.digest", "clinical_ai.input.features", "clinical_ai.input.schema.version", "error.type", "clinical_ai.segment.site", "clinical_ai.segment.department", "clinical_ai.segment.encounter_type", "clinical_ai.segment.payer", "clinical_ai.segment.source_system", "clinical_ai.segment.language", "clinical_ai.segment.age_group", "clinical_ai.segment.specialty"),
            required=frozenset({"clinical_ai.inference.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.operation.name", "clinical_ai.deployment.role", "clinical_ai.inference.status", "clinical_ai.routing.level"}),
            sampling_relevant=frozenset({"clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.role"}),
        ),
        REVIEW: SpanDef(
            type=REVIEW,
            kind="internal",
            name_pattern="review {clinical_ai.model.name}",
            description="The work of reviewing an answer, linked to the inference.",
            attributes=("clinical_ai.inference.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.review.action"),
            required=frozenset({"clinical_ai.inference.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.review.action"}),
            sampling_relevant=frozenset(),
        ),
        ROLLBACK: SpanDef(
            type=ROLLBACK,
            kind="internal",
            name_pattern="rollback {clinical_ai.model.name}",
            description="A rollback, from alert to verified recovery.",
            attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.model.previous_version", "clinical_ai.rollback.incident.id", "clinical_ai.rollback.decision", "clinical_ai.rollback.mode", "error.type"),
            required=frozenset({"clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.model.previous_version", "clinical_ai.rollback.incident.id", "clinical_ai.rollback.decision", "clinical_ai.rollback.mode"}),
            sampling_relevant=frozenset(),
        ),
    }
)
