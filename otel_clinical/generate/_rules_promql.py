"""Write PromQL from the registry's names, so that a metric or label that does not exist cannot be written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv import attributes, metrics, prometheus_label
from otel_clinical.semconv.enums import DeploymentState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.semconv import MetricDef

Keys = tuple[str, ...]

MODEL: Final[Keys] = (attributes.MODEL_NAME,)
VERSION: Final[Keys] = (*MODEL, attributes.MODEL_VERSION)
SEGMENT: Final[Keys] = (*MODEL, attributes.SEGMENT_NAME, attributes.SEGMENT_VALUE)
STREAM: Final[Keys] = (*VERSION, attributes.SEGMENT_NAME, attributes.SEGMENT_VALUE)

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms"))


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on a label other than equality: an operator of PromQL and its text."""

    operator: str
    text: str


Conditions = Mapping[str, str | Matcher]
"""What the labels of attribute keys must be: a text, or a `Matcher`."""


def any_of(*values: str) -> Matcher:
    """Match a label that has one of `values`, which hold no characters special to regular expressions."""
    return Matcher("=~", "|".join(values))


def none_of(*values: str) -> Matcher:
    """Match a label that has none of `values`."""
    return Matcher("!~", "|".join(values))


def other_than(value: str) -> Matcher:
    """Match a label that is not `value`."""
    return Matcher("!=", value)


def duration(seconds: float) -> str:
    """Write seconds as Prometheus does, in the largest unit that divides them.

    >>> duration(5400), duration(86400), duration(0.5)
    ('90m', '1d', '500ms')
    """
    milliseconds = max(round(seconds * 1000), 0)
    size, unit = next(((size, unit) for size, unit in _UNITS if milliseconds % size == 0), _UNITS[-1])
    return f"{milliseconds // size}{unit}" if milliseconds else "0s"


def number(value: float) -> str:
    """Write a number without noise.

    >>> number(0.15), number(100.0)
    ('0.15', '100')
    """
    return f"{value:.12g}"


def quoted(text: str) -> str:
    """Write a PromQL string."""
    return json.dumps(text, ensure_ascii=False)


def labels(keys: Iterable[str]) -> str:
    """Write the labels of attribute `keys` as a list.

    >>> labels(MODEL)
    'clinical_ai_model_name'
    """
    return ", ".join(prometheus_label(key) for key in keys)


def matchers(conditions: Conditions) -> str:
    """Write label conditions in braces; nothing for none."""
    parts = (
        f"{prometheus_label(key)}{m.operator}{quoted(m.text)}"
        if isinstance(m, Matcher)
        else f"{prometheus_label(key)}={quoted(m)}"
        for key, m in conditions.items()
    )
    text = ",".join(parts)
    return f"{{{text}}}" if text else ""


def select(metric: MetricDef, conditions: Conditions | None = None, window: float = 0) -> str:
    """Select the series of `metric` that meet `conditions`, over the last `window` seconds if given.

    Raises:
        ValueError: The metric has no such label.
    """
    chosen = conditions or {}
    for key in chosen:
        if key not in metric.attributes:
            raise ValueError(f"{metric.name} has no attribute {key}; it has {', '.join(metric.attributes)}")
    return metric.prometheus + matchers(chosen) + (f"[{duration(window)}]" if window else "")


def increase(metric: MetricDef, window: float, conditions: Conditions | None = None) -> str:
    """Return by how much a counter grew in the last `window` seconds."""
    return f"increase({select(metric, conditions, window)})"


def over(operator: str, keys: Keys, expr: str) -> str:
    """Aggregate `expr` by `keys`; always by name, so that labels of the transport never matter."""
    grouping = f" by ({labels(keys)})" if keys else ""
    return f"{operator}{grouping} ({expr})"


def happened(metric: MetricDef, keys: Keys, window: float, conditions: Conditions | None = None) -> str:
    """Return what a rare counter counted in the last `window` seconds, above 0.

    `increase` cannot see a series that is born at 1, as the first safety event of a process that never
    initialised it is; so a series that did not exist one window ago counts in full.
    """
    span = duration(window)
    grown = over("sum", keys, increase(metric, window, conditions))
    chosen = select(metric, conditions)
    born = over("sum", keys, f"{chosen} unless last_over_time({chosen}[{span}] offset {span})")
    return f"{grown} > 0\nor\n{born} > 0"


def active(model: str) -> str:
    """Return the version of `model` that serves, as routers report it."""
    conditions = {attributes.MODEL_NAME: model, attributes.DEPLOYMENT_STATE: DeploymentState.ACTIVE.value}
    return over("max", VERSION, select(metrics.DEPLOYMENT_STATUS, conditions)) + " == 1"


def only_active(expr: str, model: str) -> str:
    """Keep of `expr` what is about the version that serves."""
    return f"(\n{indented(expr)}\n)\nand on ({labels(VERSION)}) ({active(model)})"


def given(model: str) -> str:
    """Return the segments of `model` that release rules give another version, with that version."""
    own = select(metrics.RELEASE_SEGMENT_STATUS, {attributes.MODEL_NAME: model})
    return over("max", STREAM, own) + " == 1"


def only_served(expr: str, streams: str, model: str) -> str:
    """Keep of `expr` what is about the version that serves, or about the one that serves a segment in its place.

    Both are by version and segment; `streams` has every stream that `expr` may have.
    """
    serving = f"{streams} and on ({labels(VERSION)}) ({active(model)})\n  or\n  {given(model)}"
    return f"(\n{indented(expr)}\n)\nand on ({labels(STREAM)}) (\n  {serving}\n)"


def all_of(*conditions: str) -> str:
    """Keep of the first condition what meets every other one."""
    return "\nand ".join(conditions)


def indented(text: str) -> str:
    """Shift lines by two columns."""
    return "\n".join(f"  {line}" for line in text.splitlines())
