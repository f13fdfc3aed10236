"""Events. Written by `otel-clinical generate semconv`; do not edit."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv._definitions import EventDef

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFINITIONS",
    "DEPLOYMENT_CHANGE",
    "DRIFT_DETECTED",
    "ESCALATION_CHANGE",
    "FEEDBACK",
    "INPUT_REJECTED",
    "OUTCOME",
    "REVIEW",
    "ROLLBACK_AUDIT_CHECKPOINT",
    "SAFETY_EVENT",
]

INPUT_REJECTED: Final = "clinical_ai.input.rejected"
"""The input-quality gate refused a record."""

REVIEW: Final = "clinical_ai.review"
"""A person reviewed an answer."""

OUTCOME: Final = "clinical_ai.outcome"
"""The truth about an answer became known."""

FEEDBACK: Final = "clinical_ai.feedback"
"""A user gave feedback on an answer."""

SAFETY_EVENT: Final = "clinical_ai.safety.event"
"""A safety event was reported."""

DRIFT_DETECTED: Final = "clinical_ai.drift.detected"
"""A detector raised a signal."""

ESCALATION_CHANGE: Final = "clinical_ai.escalation.change"
"""A model moved to another tier of escalation."""

DEPLOYMENT_CHANGE: Final = "clinical_ai.deployment.change"
"""The serving version of a deployment changed."""

ROLLBACK_AUDIT_CHECKPOINT: Final = "clinical_ai.rollback.audit.checkpoint"
"""The rollback controller signed the head of its audit."""

DEFINITIONS: Final[Mapping[str, EventDef]] = MappingProxyType(
    {
        INPUT_REJECTED: EventDef(
            name=INPUT_REJECTED,
            description="The input-quality gate refused a record.",
            severity="INFO",
            elevated_severity="INFO",
            attributes=("clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.activation", "clinical_ai.routing.level", "clinical_ai.confidence.score", "clinical_ai.segment.site", "clinical_ai.segment.department", "clinical_ai.segment.encounter_type", "clinical_ai.segment.payer", "clinical_ai.segment.source_system", "clinical_ai.segment.language", "clinical_ai.segment.age_group", "clinical_ai.segment.specialty", "clinical_ai.input.quality.score", "clinical_ai.input.quality.action"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.input.quality.action"}),
        ),
        REVIEW: EventDef(
            name=REVIEW,
            description="A person reviewed an answer.",
            severity="INFO",
            elevated_severity="WARN",
            attributes=("clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.activation", "clinical_ai.routing.level", "clinical_ai.confidence.score", "clinical_ai.segment.site", "clinical_ai.segment.department", "clinical_ai.segment.encounter_type", "clinical_ai.segment.payer", "clinical_ai.segment.source_system", "clinical_ai.segment.language", "clinical_ai.segment.age_group", "clinical_ai.segment.specialty", "clinical_ai.review.action", "clinical_ai.review.edit.ratio", "clinical_ai.review.duration", "clinical_ai.override.reason", "clinical_ai.reviewer.role", "clinical_ai.reviewer.hash"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.review.action"}),
        ),
        OUTCOME: EventDef(
            name=OUTCOME,
            description="The truth about an answer became known.",
            severity="INFO",
            elevated_severity="WARN",
            attributes=("clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.activation", "clinical_ai.routing.level", "clinical_ai.confidence.score", "clinical_ai.segment.site", "clinical_ai.segment.department", "clinical_ai.segment.encounter_type", "clinical_ai.segment.payer", "clinical_ai.segment.source_system", "clinical_ai.segment.language", "clinical_ai.segment.age_group", "clinical_ai.segment.specialty", "clinical_ai.outcome.result", "clinical_ai.outcome.source", "clinical_ai.outcome.score", "clinical_ai.outcome.class", "clinical_ai.encounter.key"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.outcome.result", "clinical_ai.outcome.source"}),
        ),
        FEEDBACK: EventDef(
            name=FEEDBACK,
            description="A user gave feedback on an answer.",
            severity="INFO",
            elevated_severity="INFO",
            attributes=("clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.activation", "clinical_ai.routing.level", "clinical_ai.confidence.score", "clinical_ai.segment.site", "clinical_ai.segment.department", "clinical_ai.segment.encounter_type", "clinical_ai.segment.payer", "clinical_ai.segment.source_system", "clinical_ai.segment.language", "clinical_ai.segment.age_group", "clinical_ai.segment.specialty", "clinical_ai.feedback.rating", "clinical_ai.feedback.category", "clinical_ai.feedback.channel"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.feedback.rating"}),
        ),
        SAFETY_EVENT: EventDef(
            name=SAFETY_EVENT,
            description="A safety event was reported.",
            severity="WARN",
            elevated_severity="ERROR",
            attributes=("clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.activation", "clinical_ai.routing.level", "clinical_ai.confidence.score", "clinical_ai.segment.site", "clinical_ai.segment.department", "clinical_ai.segment.encounter_type", "clinical_ai.segment.payer", "clinical_ai.segment.source_system", "clinical_ai.segment.language", "clinical_ai.segment.age_group", "clinical_ai.segment.specialty", "clinical_ai.safety.event.severity", "clinical_ai.safety.event.type", "clinical_ai.safety.report.id"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.inference.id", "clinical_ai.inference.time", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.safety.event.severity", "clinical_ai.safety.event.type"}),
        ),
        DRIFT_DETECTED: EventDef(
            name=DRIFT_DETECTED,
            description="A detector raised a signal.",
            severity="WARN",
            elevated_severity="WARN",
            attributes=("clinical_ai.event.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.drift.signal", "clinical_ai.drift.detector", "clinical_ai.drift.direction"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.model.name", "clinical_ai.drift.signal", "clinical_ai.drift.detector", "clinical_ai.drift.direction"}),
        ),
        ESCALATION_CHANGE: EventDef(
            name=ESCALATION_CHANGE,
            description="A model moved to another tier of escalation.",
            severity="WARN",
            elevated_severity="ERROR",
            attributes=("clinical_ai.event.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.escalation.level", "clinical_ai.quality.metric"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.escalation.level", "clinical_ai.quality.metric"}),
        ),
        DEPLOYMENT_CHANGE: EventDef(
            name=DEPLOYMENT_CHANGE,
            description="The serving version of a deployment changed.",
            severity="INFO",
            elevated_severity="INFO",
            attributes=("clinical_ai.event.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.model.previous_version", "clinical_ai.deployment.activation", "clinical_ai.deployment.change.type", "clinical_ai.deployment.change.trigger", "clinical_ai.deployment.change.reason"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.model.previous_version", "clinical_ai.deployment.activation", "clinical_ai.deployment.change.type", "clinical_ai.deployment.change.trigger", "clinical_ai.deployment.change.reason"}),
        ),
        ROLLBACK_AUDIT_CHECKPOINT: EventDef(
            name=ROLLBACK_AUDIT_CHECKPOINT,
            description="The rollback controller signed the head of its audit.",
            severity="INFO",
            elevated_severity="INFO",
            attributes=("clinical_ai.event.id", "clinical_ai.rollback.audit.sequence", "clinical_ai.rollback.audit.hash", "clinical_ai.rollback.audit.signature"),
            required=frozenset({"clinical_ai.event.id", "clinical_ai.rollback.audit.sequence", "clinical_ai.rollback.audit.hash", "clinical_ai.rollback.audit.signature"}),
        ),
    }
)
