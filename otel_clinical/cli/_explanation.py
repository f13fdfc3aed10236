"""Print the explanation of a segment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from otel_clinical.semconv.attribution_words import reason_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.drift.runtime.explanation import Explanation, FeatureShift, TierGap

_UNITS = ("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1)


def lines(found: Explanation) -> Iterator[str]:
    """Yield the lines of one explanation, at most 80 columns wide for ordinary names."""
    yield f"model {found.model} version {found.version}, {found.segment}"
    yield f"  baseline     {found.baseline:.1%}"
    yield f"  recent       {_recent(found)}"
    yield f"  change       {_change(found)}"
    if found.interval is not None:
        least, largest = found.interval
        yield f"               between {least:.1%} and {largest:.1%} (95 %, at all times together)"
    if found.causes:
        yield f"  put down to  {', '.join(found.causes)}"
        yield from (f"               because {reason_text(reason)}" for reason in found.reasons)
    coverage = (
        "not known yet" if found.coverage is None else f"{found.coverage:.1%} of mature inferences have an outcome"
    )
    counted = f"{found.labels:,} counted" if found.labels else "fewer than 11 counted"
    waiting = f"; {found.waiting:,} of the version wait until they are mature" if found.waiting else ""
    activation = "" if found.activation is None else f" since activation {found.activation} began"
    yield f"  labels       {counted}{activation}{waiting}"
    yield f"  coverage     {coverage}"
    if found.delays is not None:
        half, most = map(_span, found.delays)
        yield f"  delay        half of the outcomes within {half}, nine in ten within {most}"
    if found.amended is not None:
        share, withdrawn = found.amended
        yield f"  amended      {share:.1%} of the counted outcomes; errors taken back {withdrawn:+.1%} of them"
        if share:
            yield "               ADWIN holds what these said first; what was bet on them has only lost by it"
    for tier in found.tiers:
        yield from _tier(tier)
    for witness in found.witnesses:
        state = "fired lately" if witness.active else "quiet"
        yield f"  witness      {witness.detector} on {witness.signal}: {state}, score {witness.score:.2f}"
    for feature in found.features:
        yield f"  input        {feature.name}: {_feature(feature)}"


def _span(seconds: float) -> str:
    """Return a length of time with one digit after the point, in the largest unit that it fills."""
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), _UNITS[-1])
    return f"{seconds / size:.1f} {unit}"


def _feature(feature: FeatureShift) -> str:
    if feature.moved is None or feature.psi is None:
        return "too few inferences for a look"
    proved = [aspect for aspect, value in feature.evidence if value >= 1.0]
    said = f"PROVED ({', '.join(proved)})" if proved else f"evidence {max(v for _, v in feature.evidence):.2g} of 1"
    return f"{feature.moved:.1%} lie elsewhere than in the baseline, PSI {feature.psi:+.2f} beyond chance; {said}"


def moment(seconds: float | None) -> str:
    """Return a time for a person."""
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _recent(found: Explanation) -> str:
    if found.performance is None or found.recent is None:
        return "too few outcomes to show"
    return f"{found.performance:.1%} of {found.recent:,} outcomes"


def _change(found: Explanation) -> str:
    if not found.samples:
        return "none, or too few outcomes since"
    return f"drop of {found.drop:.1%} since {moment(found.change_point)}, {found.samples:,} outcomes"


def _tier(tier: TierGap) -> Iterator[str]:
    asks = f"drop {tier.drop:.0%}, guard {tier.guard:.1%}, {tier.minimum_labels:,} labels"
    if tier.named:
        yield f"  {tier.level}: among the segments named worse than its guard"
    if not tier.missing:
        yield f"  {tier.level}: REACHED ({asks})"
        return
    yield f"  {tier.level}: not reached ({asks}); missing:"
    for clause in tier.missing:
        yield f"    - {clause}"
