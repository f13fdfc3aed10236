"""Write the queries of dashboards, for the model that the reader has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_constants import EXPECTED
from otel_clinical.generate._rules_promql import (
    STREAM,
    VERSION,
    Conditions,
    Matcher,
    labels,
    over,
    select,
)
from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import DeploymentState

if TYPE_CHECKING:
    from otel_clinical.semconv import MetricDef

LABEL_MODEL: Final = prometheus_label(attributes.MODEL_NAME)
CHOSEN: Final = Matcher("=~", "$model")
"""The model that the reader has chosen; Grafana puts a regular expression in its place."""

TABLE_STREAM: Final = {
    LABEL_MODEL: "model",
    prometheus_label(attributes.MODEL_VERSION): "version",
    prometheus_label(attributes.SEGMENT_NAME): "segment",
    prometheus_label(attributes.SEGMENT_VALUE): "value",
}
"""Column titles of the labels of a stream."""


def of_model(metric: MetricDef, conditions: Conditions | None = None) -> str:
    """Return the series of `metric` for the chosen model."""
    return select(metric, {attributes.MODEL_NAME: CHOSEN, **(conditions or {})})


def rate_of(metric: MetricDef, conditions: Conditions | None = None, part: str = "") -> str:
    """Return the rate of a counter of the chosen model; `part` is `_bucket` for a histogram."""
    chosen = of_model(metric, conditions)
    return f"rate({chosen.replace(metric.prometheus, metric.prometheus + part, 1)}[$__rate_interval])"


def recorded(name: str, condition: str = "") -> str:
    """Return the recorded series `name` for the chosen model."""
    extra = f",{condition}" if condition else ""
    return f'{name}{{{LABEL_MODEL}=~"$model"{extra}}}'


def expected() -> str:
    """Return one series per model of the policy: a value to show where nothing else is."""
    return f"max by ({LABEL_MODEL}) ({recorded(EXPECTED)})"


def either(*choices: str) -> str:
    """Return, per set of labels, the first of `choices` that has a value."""
    return "\nor ".join(choices)


def alerts_firing(*, model: bool = True, extra: str = "", **conditions: str) -> str:
    """Return the alerts that fire, of the chosen model or of all parts."""
    parts = [f'{name}="{value}"' for name, value in {"alertstate": "firing", **conditions}.items()]
    parts += [f'{LABEL_MODEL}=~"$model"'] if model else []
    parts += [extra] if extra else []
    return f"ALERTS{{{','.join(parts)}}}"


def serving(ago: str = "") -> str:
    """Return the versions that serve, or that served some time `ago`."""
    conditions = {attributes.DEPLOYMENT_STATE: DeploymentState.ACTIVE.value}
    status = of_model(metrics.DEPLOYMENT_STATUS, conditions) + (f" offset {ago}" if ago else "")
    return f"({over('max', VERSION, status)} == 1)"


def worst(expr: str, count: int = 10) -> str:
    """Keep of `expr` the streams of the serving version with the largest drop."""
    drop = over("max", STREAM, of_model(metrics.DEGRADATION_RATIO))
    return f"{expr}\nand on ({labels(STREAM)}) topk({count}, {drop} and on ({labels(VERSION)}) {serving()})"
