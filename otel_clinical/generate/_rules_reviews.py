"""Watch what reviewers do with the answers: too many overrides, and too many acceptances without a look.

Both count suggestions, not reviews: the drift processor knows the one review that counts, whatever arrived how often
from which process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Record, Rule
from otel_clinical.generate._rules_promql import (
    STREAM,
    Conditions,
    Keys,
    all_of,
    any_of,
    increase,
    matchers,
    number,
    only_active,
    over,
)
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHERE, Author, Message
from otel_clinical.policy import duration_text
from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import ReviewAction, ReviewAttention, ReviewHorizon
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.policy import ModelPolicy

SUGGESTIONS: Final = "model_segment:clinical_ai_suggestions:increase"
"""Reviewed suggestions of the window, by horizon."""
OVERRIDE_RATIO: Final = "model_segment:clinical_ai_override:ratio"
"""Share of them that was edited or rejected."""
UNDECIDED_RATIO: Final = "model_segment:clinical_ai_undecided:ratio"
"""Share of them that was ignored, and share that was escalated: neither agreement nor override."""
TIMED: Final = "model_segment:clinical_ai_timed_acceptances:increase"
"""Accepted suggestions of the window whose time of active review is known, by horizon."""
RUBBER_STAMP_RATIO: Final = "model_segment:clinical_ai_rubber_stamp:ratio"
"""Share of them that was looked at for less than the policy's minimum."""

AUTOMATION_BIAS: Final = "ClinicalAIAutomationBias"
OVERRIDES_HIGH: Final = "ClinicalAIOverrideRatioHigh"
OVERRIDES_LOW: Final = "ClinicalAIOverrideRatioLow"

_OVERRIDDEN: Final = any_of(ReviewAction.EDITED, ReviewAction.REJECTED)
_UNDECIDED: Final = any_of(ReviewAction.IGNORED, ReviewAction.ESCALATED)
_TIMED: Final = any_of(ReviewAttention.BRIEF, ReviewAttention.CONSIDERED)
_BY_HORIZON: Final[Keys] = (*STREAM, attributes.REVIEW_HORIZON)


def reviews(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Iterator[Rule]:
    """Yield the records and alerts about reviews of one model."""
    yield from _suggestion_records(name, pace.window(model.overrides.window))
    yield _overrides(author, name, model)
    if model.overrides.minimum_ratio > 0:
        yield _agreement(author, name, model)
    yield from _acceptance_records(name, pace.window(model.rubber_stamps.window))
    yield _rubber_stamps(author, name, model)


def at(horizon: ReviewHorizon, model: str) -> str:
    """Return the braces that select a model's records at one horizon."""
    return matchers({attributes.MODEL_NAME: model, attributes.REVIEW_HORIZON: horizon.value})


def _suggestion_records(name: str, window: float) -> Iterator[Record]:
    own = {prometheus_label(attributes.MODEL_NAME): name}

    def counted(conditions: Conditions, keys: Keys = _BY_HORIZON) -> str:
        return over("sum", keys, increase(metrics.SUGGESTIONS, window, {attributes.MODEL_NAME: name, **conditions}))

    shown = f"({counted({})} >= {SMALL_CELL})"
    yield Record(SUGGESTIONS, f"{counted({})} > 0", own)
    yield Record(OVERRIDE_RATIO, f"{counted({attributes.REVIEW_ACTION: _OVERRIDDEN})} / {shown}", own)
    undecided = counted({attributes.REVIEW_ACTION: _UNDECIDED}, (*_BY_HORIZON, attributes.REVIEW_ACTION))
    keys = ", ".join(prometheus_label(key) for key in _BY_HORIZON)
    yield Record(UNDECIDED_RATIO, f"{undecided} / on ({keys}) group_left () {shown}", own)


def _overrides(author: Author, name: str, model: ModelPolicy) -> Alert:
    limits = model.overrides
    here = at(ReviewHorizon.IMMEDIATE, name)
    reached = all_of(
        f"{OVERRIDE_RATIO}{here} > {number(limits.maximum_ratio)}",
        f"{SUGGESTIONS}{here} >= {limits.minimum_reviews}",
    )
    return author.alert(
        OVERRIDES_HIGH,
        only_active(reached, name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: clinicians override {{{{ $value | humanizePercentage }}}} in {WHERE}",
            f"What: {{{{ $value | humanizePercentage }}}} of the reviewed answers of {MODEL_NAME} version "
            f"{MODEL_VERSION} were edited or rejected at first sight; {number(limits.maximum_ratio * 100)} % are "
            f"accepted. Where: {WHERE}. Since: within the last {duration_text(limits.window)}. How sure: a count of "
            f"at least {limits.minimum_reviews} answers; people's habits move it as well as the model.",
            "Compare with the resolved ratio: many first overrides are taken back. Read the override reasons, ask two "
            "users what they see, compare with the tier alerts. Overrides alone never roll back.",
        ),
        severity="warning",
        category="override",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
        keep_firing=model.hold.keep_firing,
    )


def _agreement(author: Author, name: str, model: ModelPolicy) -> Alert:
    limits = model.overrides
    here = at(ReviewHorizon.IMMEDIATE, name)
    reached = all_of(
        f"{OVERRIDE_RATIO}{here} < {number(limits.minimum_ratio)}",
        f"{SUGGESTIONS}{here} >= {limits.minimum_reviews}",
    )
    return author.alert(
        OVERRIDES_LOW,
        only_active(reached, name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: clinicians override only {{{{ $value | humanizePercentage }}}} in {WHERE}",
            f"What: {{{{ $value | humanizePercentage }}}} of the reviewed answers of {MODEL_NAME} version "
            f"{MODEL_VERSION} were edited or rejected at first sight; below {number(limits.minimum_ratio * 100)} % "
            f"agreement is too good to be true. Where: {WHERE}. Since: within the last {duration_text(limits.window)}. "
            f"How sure: a count of at least {limits.minimum_reviews} answers; whether people look is not said by it.",
            "No page. Compare with the time of review (rubber stamps) and with the accuracy: are errors accepted? Give "
            "a sample to a second reader. The machine does nothing.",
        ),
        severity="info",
        category="override",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
        keep_firing=model.hold.keep_firing,
    )


def _acceptance_records(name: str, window: float) -> Iterator[Record]:
    own = {prometheus_label(attributes.MODEL_NAME): name}

    def counted(attention: str | None) -> str:
        looked = _TIMED if attention is None else attention
        here: Conditions = {attributes.MODEL_NAME: name, attributes.REVIEW_ATTENTION: looked}
        return over("sum", _BY_HORIZON, increase(metrics.ACCEPTANCES, window, here))

    yield Record(TIMED, f"{counted(None)} > 0", own)
    yield Record(RUBBER_STAMP_RATIO, f"{counted(ReviewAttention.BRIEF.value)} / ({counted(None)} >= {SMALL_CELL})", own)


def _rubber_stamps(author: Author, name: str, model: ModelPolicy) -> Alert:
    limits = model.rubber_stamps
    here = at(ReviewHorizon.IMMEDIATE, name)
    reached = all_of(
        f"{RUBBER_STAMP_RATIO}{here} > {number(limits.maximum_ratio)}",
        f"{TIMED}{here} >= {limits.minimum_accepted}",
    )
    return author.alert(
        AUTOMATION_BIAS,
        only_active(reached, name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: {{{{ $value | humanizePercentage }}}} of the accepted answers in {WHERE} "
            "were hardly looked at",
            f"What: {{{{ $value | humanizePercentage }}}} of the answers of {MODEL_NAME} version {MODEL_VERSION} that "
            f"were accepted unchanged were looked at for less than {duration_text(limits.minimum_review)}; "
            f"{number(limits.maximum_ratio * 100)} % are accepted. Where: {WHERE}. Since: within the last "
            f"{duration_text(limits.window)}. How sure: a count of at least {limits.minimum_accepted} accepted answers "
            "whose review was timed; it says nothing about whether they were right.",
            "Nobody checks these answers, so accepted no longer means correct, and outcomes that come from acceptance "
            "are worth little. Take it to the next review with the clinical lead. The machine does nothing.",
        ),
        severity="warning",
        category="override",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
        keep_firing=model.hold.keep_firing,
    )
