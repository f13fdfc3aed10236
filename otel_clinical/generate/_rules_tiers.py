"""Compare the processor's evidence with the three tiers of the policy. No statistics here: they are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Group
from otel_clinical.generate._rules_promql import (
    STREAM,
    all_of,
    number,
    only_served,
    other_than,
    over,
    select,
)
from otel_clinical.generate._rules_text import (
    MODEL_NAME,
    MODEL_VERSION,
    SHORT,
    WHERE,
    WHOLE,
    Author,
    Message,
    Severity,
    TierLabel,
    looked_up,
    looked_up_word,
    looked_up_words,
    stop_by_hand,
)
from otel_clinical.policy import duration_text
from otel_clinical.semconv import OTHER, attributes, metrics
from otel_clinical.semconv.enums import EscalationLevel, RollbackMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert
    from otel_clinical.generate._rules_promql import Conditions
    from otel_clinical.policy import ModelPolicy, Policy


@dataclass(frozen=True, slots=True)
class TierWords:
    """How one tier appears in an alert."""

    suffix: str
    label: TierLabel
    severity: Severity
    action: str


TIER_WORDS: Final = {
    EscalationLevel.ENGINEERING_REVIEW: TierWords(
        "Engineering",
        "engineering",
        "warning",
        "Open an engineering review: find what changed at the change point. No action at night. The machine "
        "does nothing at this tier.",
    ),
    EscalationLevel.GOVERNANCE_REVIEW: TierWords(
        "Governance",
        "governance",
        "warning",
        "Convene the clinical governance review today and decide whether this reach is still safe. The "
        "machine does nothing at this tier.",
    ),
    EscalationLevel.ROLLBACK: TierWords("Rollback", "rollback", "critical", ""),
}
PERFORMANCE_DROP: Final = "ClinicalAIPerformanceDrop"
ROLLBACK_ALERT: Final = f"{PERFORMANCE_DROP}{TIER_WORDS[EscalationLevel.ROLLBACK].suffix}"


def tiers(policy: Policy) -> Iterator[Group]:
    """Yield one group of alerts per model, one per tier."""
    author = Author(policy)
    for name, model in policy.models.items():
        alerts = tuple(_tier(author, name, model, level) for level in TIER_WORDS if level in model.tiers)
        yield Group(f"clinical-ai-tiers-{name}", alerts)


def _tier(author: Author, name: str, model: ModelPolicy, level: EscalationLevel) -> Alert:
    words = TIER_WORDS[level]
    return author.alert(
        f"{PERFORMANCE_DROP}{words.suffix}",
        _condition(name, model, level),
        _message(model, level, words),
        severity=words.severity,
        category="performance",
        model=name,
        tier=words.label,
        pending=model.hold.for_,
        keep_firing=model.hold.keep_firing,
    )


def _condition(name: str, model: ModelPolicy, level: EscalationLevel) -> str:
    """Return the drop of every stream that reached the tier, is proved, and has labels enough."""
    tier = model.tiers[level]
    stream: Conditions = {attributes.MODEL_NAME: name}
    if level is EscalationLevel.ROLLBACK:
        # A value nobody declared is no place the machine can act on; people hear of it from the tiers below.
        stream = {**stream, attributes.SEGMENT_VALUE: other_than(OTHER)}
    proof = {**stream, attributes.ESCALATION_LEVEL: level.value}
    reached = all_of(
        f"{over('max', STREAM, select(metrics.DEGRADATION_RATIO, stream))} >= {number(tier.drop)}",
        f"{over('max', STREAM, select(metrics.EVIDENCE, proof))} >= 1",
        f"{over('max', STREAM, select(metrics.EVIDENCE_SAMPLES, stream))} >= {tier.minimum_labels}",
    )
    return only_served(reached, over("max", STREAM, select(metrics.EVIDENCE_SAMPLES, stream)), name)


def _message(model: ModelPolicy, level: EscalationLevel, words: TierWords) -> Message:
    metric, scale = model.metric.name, model.metric.scale
    evidence = looked_up(metrics.EVIDENCE, SHORT, extra={attributes.ESCALATION_LEVEL: level.value})
    description = (
        f"What: {metric} of {MODEL_NAME} version {MODEL_VERSION} {scale.verb} by "
        f"{{{{ $value | humanizePercentage }}}} ({scale.words}), at 95 % between "
        f"{looked_up(metrics.DEGRADATION_LOWER_RATIO, 'humanizePercentage')} and "
        f"{looked_up(metrics.DEGRADATION_UPPER_RATIO, 'humanizePercentage')}; "
        f"baseline {looked_up(metrics.BASELINE_RATIO, 'humanizePercentage')}, recently "
        f"{looked_up(metrics.PERFORMANCE_RATIO, 'humanizePercentage')}. "
        f"Where: {WHERE}. "
        f"Since: {looked_up(metrics.CHANGE_POINT_TIME, 'humanizeTimestamp')}. "
        f"How sure: evidence {evidence} (1 proves a drop beyond {number(model.tiers[level].guard * 100)} %), "
        f"{looked_up(metrics.EVIDENCE_SAMPLES, WHOLE)} labels since then. "
        f"Put down to: {looked_up_word(metrics.ATTRIBUTION_STATUS, attributes.ATTRIBUTION_CAUSE)} "
        f"({looked_up_words(metrics.ATTRIBUTION_REASON_STATUS, attributes.ATTRIBUTION_REASON)})."
    )
    summary = (
        f"{MODEL_NAME} {MODEL_VERSION}: {metric} {scale.direction} {{{{ $value | humanizePercentage }}}} in {WHERE} "
        f"({words.label} tier)"
    )
    return Message(summary, description, words.action or _what_the_machine_does(model))


def _what_the_machine_does(model: ModelPolicy) -> str:
    """Return what happens without a person, and what a person must do, in the mode of this policy."""
    rollback = model.rollback
    plan = (
        "return to the previous version if the change began within "
        f"{duration_text(rollback.attribution_window)} after this version was activated, and else route "
        f"this reach to {rollback.on_environment.value}"
    )
    words = {
        RollbackMode.OBSERVE: f"Mode observe: the controller only records what it would do: {plan}. You decide now.",
        RollbackMode.RECOMMEND: f"Mode recommend: the controller proposes to {plan}. Approve or refuse now.",
        RollbackMode.ENFORCE: f"Mode enforce: when its guards pass, the controller will {plan}. Check that it did.",
    }
    return f"{words[RollbackMode(rollback.mode)]} If patients may be harmed meanwhile, {stop_by_hand(model)}"
