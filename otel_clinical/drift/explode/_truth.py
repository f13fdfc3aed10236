"""What an outcome says to the metric of its model: how right it was, and whether the metric counts it at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._batch import ABSENT, MICRO, Kind
from otel_clinical.drift.explode._values import RefusedError, bad, share, text
from otel_clinical.drift.explode._verdict import VERDICTS
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import OutcomeClass, OutcomeResult, ReviewAction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from otel_clinical.drift.explode._subject import Reader
    from otel_clinical.drift.explode._values import Values

UNCOUNTED: Final = 1
"""Mark of an outcome that the metric does not count; it is still a label, and tells about the confidence."""
REVIEWED: Final = 2
"""Mark of an outcome that was made of a review: a label of the metric, and nothing about the confidence."""
ELSEWHERE: Final = 4
"""Mark of an outcome of a model whose labels are its reviews: it tells about the confidence only."""

SCORES: Final = {
    OutcomeResult.CORRECT.value: MICRO,
    OutcomeResult.INCORRECT.value: 0,
    OutcomeResult.PARTIAL.value: MICRO // 2,
    OutcomeResult.INDETERMINATE.value: ABSENT,
}
RIGHT: Final = frozenset({OutcomeClass.TRUE_POSITIVE.value, OutcomeClass.TRUE_NEGATIVE.value})
_CLASSES: Final = frozenset(cell.value for cell in OutcomeClass)
_DECIDED: Final = {ReviewAction.ACCEPTED: MICRO, ReviewAction.EDITED: 0, ReviewAction.REJECTED: 0}
_REVIEW_SCORES: Final = np.array([ABSENT, *(_DECIDED.get(action, ABSENT) for action, _ in VERDICTS)], "<i4")
"""By the mark of a review. Ignored and escalated answers were not decided on."""
_SALT: Final = np.uint64(0x9E37_79B9_7F4A_7C15)


def outcome_score(values: Values) -> int:
    """Return the outcome's score in millionths, `ABSENT` if it is indeterminate."""
    result = text(values, attributes.OUTCOME_RESULT)
    if result not in SCORES:
        raise bad(f"{attributes.OUTCOME_RESULT} is not one of the declared words")
    given = share(values, attributes.OUTCOME_SCORE)
    if result == OutcomeResult.INDETERMINATE or given == ABSENT:
        return SCORES[result]
    return given


def outcome_mark(reader: Reader, values: Values, score: int) -> tuple[int, int]:
    """Return (mark, score) of an outcome with a `score`.

    A metric of classes counts the outcomes of its classes only, each right or wrong. Without a class nobody can tell
    whether it counts: that is reported, and the outcome is a label that the metric does not see.
    """
    counted = reader.scope.models[text(values, attributes.MODEL_NAME)].counted
    if counted is None or score == ABSENT:
        return 0, score
    try:
        cell = text(values, attributes.OUTCOME_CLASS)
        if cell not in _CLASSES:
            raise bad(f"{attributes.OUTCOME_CLASS} is not one of the declared words")
    except RefusedError as refused:
        reader.aside.append((refused.reason, f"{refused.detail}; the metric of the model counts classes"))
        return UNCOUNTED, score
    return (0, MICRO if cell in RIGHT else 0) if cell in counted else (UNCOUNTED, score)


def with_reviews(rows: NDArray[np.void], models: Iterable[int]) -> NDArray[np.void]:
    """Return `rows` with an outcome for every review that decided on an answer of one of the `models`.

    The labels of these models are their reviews; what else is reported about their answers stays out of the metric.
    """
    numbers = list(models)
    if not numbers:
        return rows
    ours = np.isin(rows["model"], numbers)
    rows = rows.copy()
    rows["mark"][ours & (rows["kind"] == Kind.OUTCOME)] = UNCOUNTED | ELSEWHERE
    reviews = rows[ours & (rows["kind"] == Kind.REVIEW)]
    made = reviews[_REVIEW_SCORES[reviews["mark"]] != ABSENT]
    made["score"] = _REVIEW_SCORES[made["mark"]]
    made["kind"], made["mark"] = Kind.OUTCOME, REVIEWED
    # The truth about the same answer must not be mistaken for a repetition of what a person thought of it.
    made["event"] ^= _SALT
    made["inference"] ^= _SALT
    return np.concatenate((rows, made))


def made_of_reviews(rows: NDArray[np.void]) -> int:
    """Return how many of the rows are outcomes that were made of reviews: nobody sent them."""
    return int(((rows["kind"] == Kind.OUTCOME) & (rows["mark"] == REVIEWED)).sum())
