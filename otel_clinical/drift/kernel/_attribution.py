"""What a drop is put down to: the version, the environment, the input, the label feed, or not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_clinical.drift.kernel._signals import INPUT_QUALITY
from otel_clinical.semconv.enums import AttributionCause, AttributionReason

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class LabelHealth:
    """What is known of the label feed of a version.

    Attributes:
        coverage: Share of mature inferences with an outcome, 0 to 1; None while too few are mature.
        minimum: Coverage that the policy asks for.
        silent: Seconds since the newest outcome; None before the first.
        longest: Seconds of silence that the policy tolerates.
    """

    coverage: float | None = None
    minimum: float = 0.0
    silent: float | None = None
    longest: float = float("inf")


@dataclass(frozen=True)
class InputShift:
    """A change of what goes into the model: quality, missingness, volume, a feature.

    Attributes:
        signal: What changed.
        at: Unix seconds at which it was detected.
    """

    signal: str
    at: float


@dataclass(frozen=True)
class Comparison:
    """The previous version against the serving one on the same cases, by tests that may be looked at for ever.

    Attributes:
        pairs: Cases that both versions answered and that have an outcome.
        better: It is proved that the previous version is better.
        no_better: It is proved that the previous version is not better by a margin worth going back for.
    """

    pairs: int
    better: bool
    no_better: bool


@dataclass(frozen=True)
class Situation:
    """Everything the cause of one stream's drop is judged by; times in Unix seconds.

    Attributes:
        change_point: First inference after the estimated change; None without one.
        activated: When the version began to serve; None if that is not known, or it serves beside another one.
        window: Seconds after an activation in which a change is charged to the version.
        slack: Seconds by which the estimated change may lie before the activation.
        together: Seconds within which two changes count as one: both moments are estimates.
        labels: Health of the label feed.
        shifts: Changes of the input.
        models: Other models whose performance is down, with their change points.
        source: The only source system that carries the drop; empty if there is none.
        comparison: Scores of the previous version for the same cases; None without any.
    """

    change_point: float | None
    activated: float | None
    window: float
    slack: float = 0.0
    together: float = 86_400.0
    labels: LabelHealth = LabelHealth()
    shifts: Sequence[InputShift] = ()
    models: Sequence[tuple[str, float]] = ()
    source: str = ""
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Reason:
    """A fact that speaks for a cause: its kind, and the same in words with names and figures of the policy's own."""

    kind: AttributionReason
    words: str


@dataclass(frozen=True)
class Verdict:
    """The cause, and the facts that speak for it, strongest first."""

    cause: AttributionCause
    reasons: tuple[Reason, ...]


def attribute(situation: Situation) -> Verdict:
    """Return the cause of a drop.

    The first that holds: labels that cannot be trusted prove nothing; a comparison on the same cases beats every
    circumstance; what other models or the input share is no fault of the version; then the time of the change against
    that of the activation. Where nothing speaks, the cause is unknown.
    """
    for judge in (_label_feed, _compared, _common, _shifted, _timed):
        verdict = judge(situation)
        if verdict is not None:
            return verdict
    words = "nothing tells when it began, or when the version did"
    return Verdict(AttributionCause.UNKNOWN, (Reason(AttributionReason.UNDATED, words),))


def _label_feed(situation: Situation) -> Verdict | None:
    labels, reasons = situation.labels, []
    if labels.coverage is not None and labels.coverage < labels.minimum:
        words = f"label coverage {labels.coverage:.0%}, at least {labels.minimum:.0%} asked"
        reasons.append(Reason(AttributionReason.LABEL_COVERAGE, words))
    if labels.silent is not None and labels.silent > labels.longest:
        words = f"no outcome for {labels.silent:.0f} s, at most {labels.longest:.0f} s tolerated"
        reasons.append(Reason(AttributionReason.LABEL_SILENCE, words))
    return Verdict(AttributionCause.LABEL_FEED, tuple(reasons)) if reasons else None


def _compared(situation: Situation) -> Verdict | None:
    found = situation.comparison
    if found is None or found.better == found.no_better:
        return None
    if found.better:
        words = f"the previous version is better on the same {found.pairs} cases"
        return Verdict(AttributionCause.VERSION, (Reason(AttributionReason.PREVIOUS_BETTER, words),))
    words = f"the previous version is no better on the same {found.pairs} cases"
    return Verdict(AttributionCause.ENVIRONMENT, (Reason(AttributionReason.PREVIOUS_NO_BETTER, words),))


def _common(situation: Situation) -> Verdict | None:
    names = [name for name, at in situation.models if _together(situation, at)]
    reasons = tuple(Reason(AttributionReason.OTHER_MODEL, f"{name} dropped at the same time") for name in names)
    return Verdict(AttributionCause.ENVIRONMENT, reasons) if reasons else None


def _shifted(situation: Situation) -> Verdict | None:
    signals = dict.fromkeys(shift.signal for shift in situation.shifts if _together(situation, shift.at))
    reasons = tuple(Reason(_input(signal), f"{signal} changed at the same time") for signal in signals)
    return Verdict(AttributionCause.INPUT, reasons) if reasons else None


def _input(signal: str) -> AttributionReason:
    return AttributionReason.INPUT_QUALITY if signal == INPUT_QUALITY else AttributionReason.INPUT_FEATURE


def _timed(situation: Situation) -> Verdict | None:
    words = f"only source system {situation.source} carries the drop"
    carried = (Reason(AttributionReason.ONE_SOURCE, words),) if situation.source else ()
    if situation.change_point is None or situation.activated is None:
        return Verdict(AttributionCause.INPUT, carried) if carried else None
    since = situation.change_point - situation.activated
    if -situation.slack <= since <= situation.window:
        after = Reason(AttributionReason.AFTER_ACTIVATION, "it began soon after the version was activated")
        return Verdict(AttributionCause.VERSION, (after, *carried))
    when = Reason(AttributionReason.LONG_AFTER_ACTIVATION, "it began long after the version was activated")
    if since < 0:
        when = Reason(AttributionReason.BEFORE_ACTIVATION, "it began before the version was activated")
    return Verdict(AttributionCause.INPUT if carried else AttributionCause.ENVIRONMENT, (*carried, when))


def _together(situation: Situation, at: float) -> bool:
    return situation.change_point is not None and abs(situation.change_point - at) <= situation.together
