"""Observe clinical AI: decorators for inferences and what becomes of them, each with a `record_*` twin."""

from typing import TYPE_CHECKING

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
from ._safety_event import record_safety_event, safety_event
from ._task import record_task, task
from ._telemetry import Telemetry, default_telemetry, flush, set_telemetry, shutdown, use_telemetry

if TYPE_CHECKING:
    from ._router import ModelRouter

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


def __getattr__(name: str) -> object:
    """Load the router when it is first used: it brings along what reads and locks files (PEP 562)."""
    if name != "ModelRouter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ._router import ModelRouter  # noqa: PLC0415

    return ModelRouter
