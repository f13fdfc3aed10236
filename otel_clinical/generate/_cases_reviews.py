"""Situations of overrides and of acceptances that nobody looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_model import Scenario, growing, in_segment
from otel_clinical.generate._rules_reviews import AUTOMATION_BIAS, OVERRIDES_HIGH, OVERRIDES_LOW
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import ReviewAction, ReviewAttention, ReviewHorizon

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_clinical.generate._cases_model import Labels, Series, Subject
    from otel_clinical.semconv import MetricDef


def review_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield one scenario per alert about reviews."""
    yield _overrides(subject)
    if subject.policy.overrides.minimum_ratio > 0:
        yield _agreement(subject)
    yield _rubber_stamps(subject)


def _overrides(subject: Subject) -> Scenario:
    limits = subject.policy.overrides
    many = 20 * limits.minimum_reviews
    above, below = min(limits.maximum_ratio * 1.5, 1.0), limits.maximum_ratio * 0.5

    def reviewed(total: float, changed: float, horizon: ReviewHorizon = ReviewHorizon.IMMEDIATE) -> tuple[Series, ...]:
        shares: dict[str, float] = {
            ReviewAction.ACCEPTED: 1 - changed,
            ReviewAction.EDITED: changed / 2,
            ReviewAction.REJECTED: changed / 2,
        }
        return _counted(subject, metrics.SUGGESTIONS, attributes.REVIEW_ACTION, _times(total, shares), horizon)

    undecided: dict[str, float] = {
        ReviewAction.ACCEPTED: many / 2,
        ReviewAction.IGNORED: many / 4,
        ReviewAction.ESCALATED: many / 4,
    }
    return Scenario(
        OVERRIDES_HIGH,
        fires={"reviewers change too much": (subject.active(), *reviewed(many, above))},
        quiet={
            "reviewers change little": (subject.active(), *reviewed(many, below)),
            "reviewers ignore and escalate, and change nothing": (
                subject.active(),
                *_counted(subject, metrics.SUGGESTIONS, attributes.REVIEW_ACTION, undecided),
            ),
            "it is only so in the end": (subject.active(), *reviewed(many, above, ReviewHorizon.RESOLVED)),
            "there are too few reviews": (subject.active(), *reviewed(limits.minimum_reviews / 2, 1)),
            "another version serves": (subject.active("another"), *reviewed(many, above)),
        },
        about=_about(subject),
        model=subject.name,
        looks=subject.looks,
    )


def _agreement(subject: Subject) -> Scenario:
    limits = subject.policy.overrides
    many = 20 * limits.minimum_reviews

    def reviewed(total: float, changed: float) -> tuple[Series, ...]:
        shares: dict[str, float] = {ReviewAction.ACCEPTED: 1 - changed, ReviewAction.REJECTED: changed}
        return _counted(subject, metrics.SUGGESTIONS, attributes.REVIEW_ACTION, _times(total, shares))

    return Scenario(
        OVERRIDES_LOW,
        fires={
            "hardly anything is changed": (subject.active(), *reviewed(many, limits.minimum_ratio / 4)),
            "nothing at all is changed": (subject.active(), *reviewed(many, 0)),
        },
        quiet={
            "some are changed": (subject.active(), *reviewed(many, min(limits.minimum_ratio * 3, 1.0))),
            "there are too few reviews": (subject.active(), *reviewed(limits.minimum_reviews / 2, 0)),
            "another version serves": (subject.active("another"), *reviewed(many, 0)),
        },
        about=_about(subject),
        model=subject.name,
        looks=subject.looks,
    )


def _rubber_stamps(subject: Subject) -> Scenario:
    limits = subject.policy.rubber_stamps
    many = 20 * limits.minimum_accepted
    above, below = min(limits.maximum_ratio * 1.5, 1.0), limits.maximum_ratio * 0.5

    def accepted(total: float, brief: float, unknown: float = 0) -> tuple[Series, ...]:
        shares: dict[str, float] = {ReviewAttention.BRIEF: brief, ReviewAttention.CONSIDERED: 1 - brief}
        counts = {**_times(total, shares), ReviewAttention.UNKNOWN: unknown}
        return _counted(subject, metrics.ACCEPTANCES, attributes.REVIEW_ATTENTION, counts)

    few = limits.minimum_accepted / 2
    return Scenario(
        AUTOMATION_BIAS,
        fires={
            "too many are accepted without a look": (subject.active(), *accepted(many, above)),
            "nobody timed most of the others": (subject.active(), *accepted(many, above, 50 * many)),
        },
        quiet={
            "nearly all are looked at": (subject.active(), *accepted(many, below)),
            "there are too few acceptances": (subject.active(), *accepted(few, 1)),
            "there are too few whose review was timed": (subject.active(), *accepted(few, 1, many)),
            "nothing was timed": (subject.active(), *accepted(0, 0, many)),
            "another version serves": (subject.active("another"), *accepted(many, above)),
        },
        about=_about(subject),
        model=subject.name,
        looks=subject.looks,
    )


def _about(subject: Subject) -> tuple[Labels, ...]:
    at = {attributes.REVIEW_HORIZON: ReviewHorizon.IMMEDIATE.value}
    return tuple({**place, **at} for place in _places(subject))


def _places(subject: Subject) -> tuple[Labels, ...]:
    return {**subject.served, **in_segment((AGGREGATE, AGGREGATE))}, subject.stream


def _times(total: float, shares: Mapping[str, float]) -> dict[str, float]:
    return {word: total * share for word, share in shares.items()}


def _counted(
    subject: Subject,
    metric: MetricDef,
    key: str,
    counts: Mapping[str, float],
    horizon: ReviewHorizon = ReviewHorizon.IMMEDIATE,
) -> tuple[Series, ...]:
    """Return counters, of all segments together and of one, that reach `counts` until the check."""
    return tuple(
        growing(
            metric,
            {**place, attributes.REVIEW_HORIZON: horizon.value, key: str(word)},
            count / subject.looks,
            subject.looks,
        )
        for place in _places(subject)
        for word, count in counts.items()
    )
