"""Raised instead of an answer, when the rules say that the model must not give one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.quality import QualityResult


class InputRefused(RuntimeError):  # noqa: N818 -- a decision, not a fault
    """The input is too poor for an answer. `result` names the fields at fault, never their values."""

    def __init__(self, result: QualityResult) -> None:
        fields = ", ".join(sorted({issue.field for issue in result.issues}))
        super().__init__(f"input refused by its quality profile; fields at fault: {fields or 'none could be checked'}")
        self.result = result


class RoutedToManual(RuntimeError):  # noqa: N818 -- a decision, not a fault
    """The release pointer keeps the model from answering; a person decides."""

    def __init__(self, model: str) -> None:
        super().__init__(f"model {model!r} is on the manual route; give the case to a person or declare a fallback")
        self.model = model
