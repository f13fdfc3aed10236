"""Segments with too few labels for a tier ever to be of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.policy._baseline_file import load_baseline
from otel_clinical.policy._names import TIERS
from otel_clinical.policy._problems import dotted
from otel_clinical.semconv import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy._baseline import Baseline
    from otel_clinical.policy._schema import ModelPolicy, Policy

_DAYS_OF_A_WEEK = 7
_SHOWN = 5


def thin_segments(policy: Policy, *, weeks: float) -> tuple[str, ...]:
    """Return one sentence per segment with values that wait longer than `weeks` for the labels of the last tier.

    How the labels of a day fall on the values is taken from the baseline. The minimum alone is asked for: a small drop
    needs more labels than that to be proved, so what is named here waits at least so long.

    Args:
        policy: A policy whose baseline files can be read.
        weeks: How long a drop of a segment may go on.

    Raises:
        BaselineError: A baseline file cannot be read.
    """
    return tuple(
        warning
        for name, model in policy.models.items()
        for warning in _thin(name, model, load_baseline(model.baseline.file), weeks)
    )


def _thin(name: str, model: ModelPolicy, baseline: Baseline, weeks: float) -> Iterator[str]:
    last = [tier for tier in TIERS if tier in model.tiers][-1]
    needed = model.tiers[last].minimum_labels
    least = needed / (weeks * _DAYS_OF_A_WEEK)
    for segment, values in model.segments.items():
        rates = {
            value: model.labels.per_day * baseline.n(segment.value, value) / baseline.n()
            for value in values
            if value != OTHER
        }
        slow = sorted((rate, value) for value, rate in rates.items() if 0 < rate < least)
        if slow:
            shown = ", ".join(f"{value} (about {_weeks(needed / rate)})" for rate, value in slow[:_SHOWN])
            more = f" and {len(slow) - _SHOWN} more" if len(slow) > _SHOWN else ""
            key = dotted(("models", name, "segments", segment.value))
            yield (
                f"{key}: at {model.labels.per_day:g} labels a day, as the "
                f"baseline spreads them, {last.value} waits longer than {weeks:g} weeks for its {needed} labels in "
                f"{shown}{more}. Join small values, lower minimum_labels of the tier, or count on the aggregate there"
            )


def _weeks(days: float) -> str:
    return f"{days / _DAYS_OF_A_WEEK:.0f} weeks"
