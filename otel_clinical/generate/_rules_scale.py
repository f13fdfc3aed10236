"""Write a drop, and the metric at a drop, in PromQL: the same arithmetic as `otel_clinical.policy.Scale`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._rules_promql import number

if TYPE_CHECKING:
    from otel_clinical.policy import Scale


def drop_of(scale: Scale, score: str, accepted: str, on: str) -> str:
    """Return the drop from the score `accepted` to `score`, both as expressions; `on` matches the two."""
    if scale.kind == "points":
        return f"-({score} - {on} {accepted})"
    if scale.kind == "skill":
        return f"-({score} - {on} {accepted}) / {on} ({accepted} - {number(scale.chance)})"
    if scale.kind == "error_ratio":
        return f"1 - ({score} / (1 - {score})) / {on} ({accepted} / (1 - {accepted}))"
    if scale.lower:
        return f"(1 - {score}) / {on} (1 - {accepted}) - 1"
    return f"1 - {score} / {on} {accepted}"


def limit_of(scale: Scale, baseline: str, drop: float) -> str:
    """Return the metric that is `drop` worse than the expression `baseline`, both in the metric's own values."""
    kept = number(round(1.0 - drop, 9))
    if scale.kind == "points":
        return f"{baseline} {'+' if scale.lower else '-'} {number(drop)}"
    if scale.kind == "skill":
        chance = number(round(scale.shown(scale.chance), 9))
        return f"{chance} + ({baseline} - {chance}) * {kept}"
    if scale.kind == "error_ratio":
        if scale.lower:
            return f"{baseline} / ({kept} + {number(drop)} * {baseline})"
        return f"{kept} * {baseline} / (1 - {number(drop)} * {baseline})"
    return f"{baseline} * {number(round(1.0 + drop, 9)) if scale.lower else kept}"
