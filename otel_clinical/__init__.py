"""Observability for clinical AI: decorate an inference, report what became of it.

    from otel_clinical import inference, record_outcome

Names load on first use, so that a command or a library that needs only the vocabulary pays for no more.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from otel_clinical._version import __version__

if TYPE_CHECKING:
    from otel_clinical.instrument import (
        ModelRouter,
        QualityProfile,
        Receipt,
        ReceiptError,
        Recorded,
        business,
        configure_receipts,
        current_inference,
        declare_segments,
        flush,
        inference,
        input_quality,
        outcome,
        record_cost,
        record_deployment_change,
        record_encounter,
        record_inference,
        record_outcome,
        record_revenue,
        record_review,
        record_risk_event,
        record_task,
        register_version,
        review,
        shutdown,
    )
    from otel_clinical.semconv.enums import (
        AbstentionReason,
        Assistance,
        BusinessEntry,
        ConfidenceMethod,
        DeploymentChangeReason,
        DeploymentChangeTrigger,
        DeploymentChangeType,
        DeploymentRole,
        InputDomain,
        InputIssueType,
        InputQualityAction,
        OperationName,
        OutcomeResult,
        OutcomeSource,
        OverrideReason,
        ReviewAction,
        ReviewerRole,
        RoutingLevel,
        RoutingReason,
        SegmentName,
        UseCase,
    )

_INSTRUMENT = "otel_clinical.instrument"
_ENUMS = "otel_clinical.semconv.enums"

_EXPORTS = {
    "AbstentionReason": _ENUMS,
    "Assistance": _ENUMS,
    "BusinessEntry": _ENUMS,
    "ConfidenceMethod": _ENUMS,
    "DeploymentChangeReason": _ENUMS,
    "DeploymentChangeTrigger": _ENUMS,
    "DeploymentChangeType": _ENUMS,
    "DeploymentRole": _ENUMS,
    "InputDomain": _ENUMS,
    "InputIssueType": _ENUMS,
    "InputQualityAction": _ENUMS,
    "ModelRouter": _INSTRUMENT,
    "OperationName": _ENUMS,
    "OutcomeResult": _ENUMS,
    "OutcomeSource": _ENUMS,
    "OverrideReason": _ENUMS,
    "QualityProfile": _INSTRUMENT,
    "Receipt": _INSTRUMENT,
    "ReceiptError": _INSTRUMENT,
    "Recorded": _INSTRUMENT,
    "ReviewAction": _ENUMS,
    "ReviewerRole": _ENUMS,
    "RoutingLevel": _ENUMS,
    "RoutingReason": _ENUMS,
    "SegmentName": _ENUMS,
    "UseCase": _ENUMS,
    "business": _INSTRUMENT,
    "configure_receipts": _INSTRUMENT,
    "current_inference": _INSTRUMENT,
    "declare_segments": _INSTRUMENT,
    "flush": _INSTRUMENT,
    "inference": _INSTRUMENT,
    "input_quality": _INSTRUMENT,
    "outcome": _INSTRUMENT,
    "record_cost": _INSTRUMENT,
    "record_deployment_change": _INSTRUMENT,
    "record_encounter": _INSTRUMENT,
    "record_inference": _INSTRUMENT,
    "record_outcome": _INSTRUMENT,
    "record_revenue": _INSTRUMENT,
    "record_review": _INSTRUMENT,
    "record_risk_event": _INSTRUMENT,
    "record_task": _INSTRUMENT,
    "register_version": _INSTRUMENT,
    "review": _INSTRUMENT,
    "shutdown": _INSTRUMENT,
}

__all__ = [
    "AbstentionReason",
    "Assistance",
    "BusinessEntry",
    "ConfidenceMethod",
    "DeploymentChangeReason",
    "DeploymentChangeTrigger",
    "DeploymentChangeType",
    "DeploymentRole",
    "InputDomain",
    "InputIssueType",
    "InputQualityAction",
    "ModelRouter",
    "OperationName",
    "OutcomeResult",
    "OutcomeSource",
    "OverrideReason",
    "QualityProfile",
    "Receipt",
    "ReceiptError",
    "Recorded",
    "ReviewAction",
    "ReviewerRole",
    "RoutingLevel",
    "RoutingReason",
    "SegmentName",
    "UseCase",
    "__version__",
    "business",
    "configure_receipts",
    "current_inference",
    "declare_segments",
    "flush",
    "inference",
    "input_quality",
    "outcome",
    "record_cost",
    "record_deployment_change",
    "record_encounter",
    "record_inference",
    "record_outcome",
    "record_revenue",
    "record_review",
    "record_risk_event",
    "record_task",
    "register_version",
    "review",
    "shutdown",
]


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module 'otel_clinical' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
