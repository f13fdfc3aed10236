"""Keep tiers 1 and 2 alive for people when the processor is absent, from counters alone.

Wilson's bound on a window of outcomes. It is weaker than the processor's evidence: it looks again and again, it
counts labels before they are mature, and only the aggregate is standardised. So it never reaches tier 3.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_constants import ACCEPTED, WEIGHT, segments
from otel_clinical.generate._rules_model import Group, Record, Rule
from otel_clinical.generate._rules_promql import (
    SEGMENT,
    STREAM,
    VERSION,
    Keys,
    all_of,
    any_of,
    increase,
    labels,
    matchers,
    number,
    only_served,
    over,
)
from otel_clinical.generate._rules_scale import drop_of
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHERE, Author, Message
from otel_clinical.generate._rules_tiers import PERFORMANCE_DROP, TIER_WORDS
from otel_clinical.policy import duration_text
from otel_clinical.semconv import AGGREGATE, attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import EscalationLevel, OutcomeResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_promql import Matcher
    from otel_clinical.policy import ModelPolicy, Policy
    from otel_clinical.semconv import MetricDef

COUNT: Final = "model_segment:clinical_ai_outcomes:increase"
SCORE: Final = "model_segment:clinical_ai_score:ratio"
UPPER: Final = "model_segment:clinical_ai_score_upper:ratio"
DROP: Final = "model_segment:clinical_ai_drop:ratio"
DROP_LOWER: Final = "model_segment:clinical_ai_drop_lower:ratio"

FROM_COUNTERS: Final = (EscalationLevel.ENGINEERING_REVIEW, EscalationLevel.GOVERNANCE_REVIEW)
"""Tiers that counters can reach."""

_CHANCE = 0.001
"""Chance of a window in which any segment of a model is accused wrongly: shared out among its segments.

Windows are looked at again and again; with 1 % for each segment, half of the healthy models would be accused.
"""

_ALL = {
    prometheus_label(attributes.SEGMENT_NAME): AGGREGATE,
    prometheus_label(attributes.SEGMENT_VALUE): AGGREGATE,
}
_SCORED = any_of(OutcomeResult.CORRECT, OutcomeResult.INCORRECT, OutcomeResult.PARTIAL)


def counters(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield one group of records and alerts per model whose metric is the mean of every score."""
    author = Author(policy)
    window = pace.window(policy.drift.window)
    for name, model in policy.models.items():
        if not model.metric.of_every_score:  # no counter knows which class an outcome is of
            continue
        rules = (*_records(name, model, window), *_alerts(author, name, model))
        yield Group(f"clinical-ai-counters-{name}", rules)


def _records(name: str, model: ModelPolicy, window: float) -> Iterator[Rule]:
    # Each record says whose it is, although its series do: two models' records must not look like one.
    own = {prometheus_label(attributes.MODEL_NAME): name}
    yield from _observed(metrics.SEGMENT_OUTCOMES, STREAM, name, window, own)
    if model.standardise_by is None:
        yield from _observed(metrics.OUTCOMES, VERSION, name, window, own | _ALL)
    else:
        yield from _standardised(name, model.standardise_by.value, own | _ALL)
    count, score = _of(COUNT, name), _of(SCORE, name)
    bound = NormalDist().inv_cdf(1 - _CHANCE / len(list(segments(model))))
    z, zz = number(round(bound, 4)), number(round(bound**2, 4))
    margin = f"{z} * sqrt({score} * (1 - {score}) / {count} + {zz} / (4 * {count} ^ 2))"
    yield Record(UPPER, f"({score} + {zz} / (2 * {count}) + {margin}) / (1 + {zz} / {count})", own)
    yield Record(DROP, _drop(score, name, model), own)
    yield Record(DROP_LOWER, _drop(_of(UPPER, name), name, model), own)


def _observed(metric: MetricDef, keys: Keys, name: str, window: float, own: dict[str, str]) -> Iterator[Record]:
    """Yield outcomes and mean score of the window; a partial success counts one half."""
    model = {attributes.MODEL_NAME: name}

    def of(result: str | Matcher) -> str:
        return increase(metric, window, {**model, attributes.OUTCOME_RESULT: result})

    count = over("sum", keys, of(_SCORED))
    correct, partial = of(OutcomeResult.CORRECT.value), of(OutcomeResult.PARTIAL.value)
    yield Record(COUNT, f"{count} > 0", own)
    yield Record(SCORE, f"{over('sum', keys, f'{correct} or 0.5 * {partial}')} / ({count} > 0)", own)


def _standardised(name: str, stratum: str, own: dict[str, str]) -> Iterator[Record]:
    """Yield the aggregate at the baseline's mix: a change of mix alone moves neither number.

    The count is the effective one, (sum w)^2 / sum(w^2 / n), at which Wilson's bound holds for a weighted mean.
    """
    here = {attributes.MODEL_NAME: name, attributes.SEGMENT_NAME: stratum}
    weight, count, score = WEIGHT + matchers(here), COUNT + matchers(here), SCORE + matchers(here)
    on = f"* on ({labels(SEGMENT)}) group_left ()"
    present = over("sum", VERSION, f"{count} ^ 0 {on} {weight}")
    spread = over("sum", VERSION, f"1 / {count} {on} {weight} ^ 2")
    mean = over("sum", VERSION, f"{score} {on} {weight}")
    yield Record(COUNT, f"{present} ^ 2 / {spread}", own)
    yield Record(SCORE, f"{mean} / {present}", own)


def _drop(score: str, name: str, model: ModelPolicy) -> str:
    accepted = ACCEPTED + matchers({attributes.MODEL_NAME: name})
    return drop_of(model.metric.scale, score, accepted, f"on ({labels(SEGMENT)}) group_left ()")


def _of(record: str, name: str) -> str:
    return record + matchers({attributes.MODEL_NAME: name})


def _alerts(author: Author, name: str, model: ModelPolicy) -> Iterator[Alert]:
    surely_beyond = 0.0
    for level in FROM_COUNTERS:
        tier, words = model.tiers[level], TIER_WORDS[level]
        reached = all_of(
            f"{_of(DROP, name)} >= {number(tier.drop)}",
            f"{_of(DROP_LOWER, name)} >= {number(surely_beyond)}",
            f"{_of(COUNT, name)} >= {tier.minimum_labels}",
        )
        absent = f"\nunless on () {metrics.PROCESSOR_START_TIME.prometheus}"
        yield author.alert(
            f"{PERFORMANCE_DROP}{words.suffix}FromCounters",
            only_served(reached, _of(COUNT, name), name) + absent,
            _message(author.policy, model, words.label),
            severity=words.severity,
            category="performance",
            model=name,
            tier=words.label,
            extra={"source": "counters"},
            pending=model.hold.for_,
            keep_firing=model.hold.keep_firing,
        )
        surely_beyond = tier.drop


def _message(policy: Policy, model: ModelPolicy, tier: str) -> Message:
    metric, window, scale = model.metric.name, duration_text(policy.drift.window), model.metric.scale
    return Message(
        f"{MODEL_NAME} {MODEL_VERSION}: {metric} seems {scale.direction} {{{{ $value | humanizePercentage }}}} "
        f"in {WHERE} ({tier} tier, counters only)",
        f"What: {metric} of {MODEL_NAME} version {MODEL_VERSION} is {{{{ $value | humanizePercentage }}}} worse than "
        f"its baseline ({scale.words}). Where: {WHERE}. Since: within the last {window}; without the processor the "
        "moment is not known. How sure: a 99.9 % bound over all segments, on one window of outcomes, labels not yet "
        "mature included.",
        "Bring the drift processor back first (ClinicalAIProcessorDown): only it can prove this. Until then treat "
        f"it as an alert of the {tier} tier. The machine does nothing on counters.",
    )
