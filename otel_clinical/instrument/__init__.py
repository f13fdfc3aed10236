"""Observe clinical AI: decorators for inferences and what becomes of them, each with a `record_*` twin.

Names load on first use: a service that only decorates its inferences pays for no more.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.quality import QualityProfile, QualityResult

    from ._arguments import Arguments
    from ._business import business, record_cost, record_encounter, record_revenue, record_risk_event
    from ._current import Inference, current_inference
    from ._deployment import declare_segments, declare_values, record_deployment_change, register_version
    from ._edit_ratio import edit_ratio
    from ._feedback import feedback, record_feedback, record_feedback_triage
    from ._inference import SupportsConfidence, inference
    from ._input_quality import input_quality
    from ._outcome import outcome, record_outcome
    from ._receipt import Receipt
    from ._receipt_errors import (
        BadSignatureError,
        ExpiredReceiptError,
        FutureReceiptError,
        MalformedReceiptError,
        ReceiptError,
        TruncatedReceiptError,
        UnknownKeyError,
        UnknownVersionError,
    )
    from ._receipt_keys import ReceiptKeys, configure_receipts
    from ._record_inference import record_inference
    from ._recorded import Recorded, Rejection
    from ._refusals import InputRefused, RoutedToManual
    from ._review import record_review, review
    from ._router import ModelRouter
    from ._safety_event import record_safety_event, safety_event
    from ._task import record_task, task
    from ._telemetry import Telemetry, default_telemetry, flush, set_telemetry, shutdown, use_telemetry

__all__ = [
    "Arguments",
    "BadSignatureError",
    "ExpiredReceiptError",
    "FutureReceiptError",
    "Inference",
    "InputRefused",
    "MalformedReceiptError",
    "ModelRouter",
    "QualityProfile",
    "QualityResult",
    "Receipt",
    "ReceiptError",
    "ReceiptKeys",
    "Recorded",
    "Rejection",
    "RoutedToManual",
    "SupportsConfidence",
    "Telemetry",
    "TruncatedReceiptError",
    "UnknownKeyError",
    "UnknownVersionError",
    "business",
    "configure_receipts",
    "current_inference",
    "declare_segments",
    "declare_values",
    "default_telemetry",
    "edit_ratio",
    "feedback",
    "flush",
    "inference",
    "input_quality",
    "outcome",
    "record_cost",
    "record_deployment_change",
    "record_encounter",
    "record_feedback",
    "record_feedback_triage",
    "record_inference",
    "record_outcome",
    "record_revenue",
    "record_review",
    "record_risk_event",
    "record_safety_event",
    "record_task",
    "register_version",
    "review",
    "safety_event",
    "set_telemetry",
    "shutdown",
    "task",
    "use_telemetry",
]

_EXPORTS = {
    "Arguments": "._arguments",
    "BadSignatureError": "._receipt_errors",
    "ExpiredReceiptError": "._receipt_errors",
    "FutureReceiptError": "._receipt_errors",
    "Inference": "._current",
    "InputRefused": "._refusals",
    "MalformedReceiptError": "._receipt_errors",
    "ModelRouter": "._router",
    "QualityProfile": "otel_clinical.quality",
    "QualityResult": "otel_clinical.quality",
    "Receipt": "._receipt",
    "ReceiptError": "._receipt_errors",
    "ReceiptKeys": "._receipt_keys",
    "Recorded": "._recorded",
    "Rejection": "._recorded",
    "RoutedToManual": "._refusals",
    "SupportsConfidence": "._inference",
    "Telemetry": "._telemetry",
    "TruncatedReceiptError": "._receipt_errors",
    "UnknownKeyError": "._receipt_errors",
    "UnknownVersionError": "._receipt_errors",
    "business": "._business",
    "configure_receipts": "._receipt_keys",
    "current_inference": "._current",
    "declare_segments": "._deployment",
    "declare_values": "._deployment",
    "default_telemetry": "._telemetry",
    "edit_ratio": "._edit_ratio",
    "feedback": "._feedback",
    "flush": "._telemetry",
    "inference": "._inference",
    "input_quality": "._input_quality",
    "outcome": "._outcome",
    "record_cost": "._business",
    "record_deployment_change": "._deployment",
    "record_encounter": "._business",
    "record_feedback": "._feedback",
    "record_feedback_triage": "._feedback",
    "record_inference": "._record_inference",
    "record_outcome": "._outcome",
    "record_revenue": "._business",
    "record_review": "._review",
    "record_risk_event": "._business",
    "record_safety_event": "._safety_event",
    "record_task": "._task",
    "register_version": "._deployment",
    "review": "._review",
    "safety_event": "._safety_event",
    "set_telemetry": "._telemetry",
    "shutdown": "._telemetry",
    "task": "._task",
    "use_telemetry": "._telemetry",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
