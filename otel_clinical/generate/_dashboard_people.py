"""Panels of what the model is worth to people: time with it and without it."""

from __future__ import annotations

from typing import Final

from otel_clinical.generate._dashboard_model import Panel, Query
from otel_clinical.generate._rules_promql import over
from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.small_cells import SMALL_CELL

_KEYS: Final = (attributes.TASK_NAME, attributes.ASSISTANCE)
_DURATION: Final = metrics.TASK_DURATION.prometheus


def time_spent() -> tuple[Panel, ...]:
    """Return the mean time of a task with and without the model, of tasks enough to show."""
    grown = {part: over("sum", _KEYS, f"increase({_DURATION}_{part}[$__range])") for part in ("sum", "count")}
    named = f"{{{{{prometheus_label(attributes.TASK_NAME)}}}}} {{{{{prometheus_label(attributes.ASSISTANCE)}}}}}"
    return (
        Panel(
            "bargauge",
            "Time with and without AI (unadjusted)",
            "Mean time of a task over the chosen range, done with the model's help and without.",
            "it proves nothing by itself: who uses the model differs from who does not, and easy cases are done first.",
            (Query(f"{grown['sum']}\n/ ({grown['count']} >= {SMALL_CELL})", named, instant=True),),
            unit="s",
            width=24,
            height=6,
            minimum=0,
            options={"displayMode": "basic", "orientation": "horizontal"},
        ),
    )
