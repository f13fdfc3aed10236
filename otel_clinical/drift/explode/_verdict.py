"""What one review says about its answer, as one small number in its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.drift.explode._values import RefusedError, bad, number, text
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import ReviewAction, ReviewAttention

if TYPE_CHECKING:
    from otel_clinical.drift.explode._subject import Reader
    from otel_clinical.drift.explode._values import Values

VERDICTS: Final[tuple[tuple[ReviewAction, ReviewAttention | None], ...]] = (
    *((ReviewAction.ACCEPTED, attention) for attention in ReviewAttention),
    (ReviewAction.EDITED, None),
    (ReviewAction.REJECTED, None),
    (ReviewAction.IGNORED, None),
    (ReviewAction.ESCALATED, None),
)
"""Every (action, attention); a record's `mark` is the place in here plus 1. Saved states hold it: only append."""
_ACTIONS: Final = {action.value: action for action in ReviewAction}


def mark_of(reader: Reader, values: Values) -> int:
    """Return the mark of a review of a declared model; a broken time or edit ratio is set aside.

    Raises:
        RefusedError: The action is missing or no declared word.
    """
    action = _ACTIONS.get(text(values, attributes.REVIEW_ACTION))
    if action is None:
        raise bad(f"{attributes.REVIEW_ACTION} is not one of the declared words")
    attention = _attention(reader, values) if action is ReviewAction.ACCEPTED else None
    return VERDICTS.index((action, attention)) + 1


def _attention(reader: Reader, values: Values) -> ReviewAttention:
    """Return how an accepted answer was looked at; whoever changed something in it did look."""
    if reader.measurement(values, attributes.REVIEW_EDIT_RATIO) > 0:
        return ReviewAttention.CONSIDERED
    seconds = _seconds(reader, values)
    if seconds is None:
        return ReviewAttention.UNKNOWN
    minimum = reader.scope.models[text(values, attributes.MODEL_NAME)].minimum_review
    return ReviewAttention.BRIEF if seconds < minimum else ReviewAttention.CONSIDERED


def _seconds(reader: Reader, values: Values) -> float | None:
    """Return the measured time of active review; None without one that can be."""
    try:
        seconds = number(values, attributes.REVIEW_DURATION)
        if seconds is not None and seconds < 0:
            raise bad(f"{attributes.REVIEW_DURATION} is below 0")
    except RefusedError as refused:
        reader.aside.append((refused.reason, refused.detail))
        return None
    return seconds
