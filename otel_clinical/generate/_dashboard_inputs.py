"""Panels of the inputs: which features moved, how far, and whether that is proved."""

from __future__ import annotations

from typing import Final

from otel_clinical.generate._dashboard_model import Panel, Query
from otel_clinical.generate._dashboard_queries import LABEL_MODEL, of_model
from otel_clinical.generate._rules_promql import VERSION, over
from otel_clinical.semconv import AGGREGATE, attributes, metrics, prometheus_label

_KEYS: Final = (*VERSION, attributes.INPUT_FEATURE)
_NAMED: Final = (
    f"{{{{{LABEL_MODEL}}}}} {{{{{prometheus_label(attributes.MODEL_VERSION)}}}}} "
    f"{{{{{prometheus_label(attributes.INPUT_FEATURE)}}}}}"
)
_WHOLE: Final = {attributes.SEGMENT_NAME: AGGREGATE}


def inputs() -> tuple[Panel, ...]:
    """Return how far the features moved, and the evidence that it is more than tolerated."""
    return (
        Panel(
            "bargauge",
            "Inputs that moved",
            "Share of the inputs that lies in other bins than in the baseline, beyond chance, by feature.",
            "a long bar that is proved beside it: find the form, interface, unit or clinic that changed.",
            (
                Query(
                    f"sort_desc({over('max', _KEYS, of_model(metrics.INPUT_FEATURE_SHIFT_RATIO, _WHOLE))})",
                    _NAMED,
                    instant=True,
                ),
            ),
            unit="percentunit",
            width=12,
            height=8,
            minimum=0,
            maximum=1,
            options={"displayMode": "basic", "orientation": "horizontal"},
        ),
        Panel(
            "timeseries",
            "Proof that inputs moved",
            "Evidence that a feature is further from the baseline than tolerated, all segments; 1 or more is proof.",
            "at 1: see ClinicalAIInputDrift. The answers may still be right.",
            (Query(over("max", _KEYS, of_model(metrics.INPUT_FEATURE_EVIDENCE, _WHOLE)), _NAMED),),
            unit="short",
            width=12,
            height=8,
            minimum=0,
            options={"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
            custom={"lineWidth": 2, "scaleDistribution": {"type": "symlog", "log": 10, "linearThreshold": 0.01}},
        ),
    )
