"""Rules that keep the registry's names the same on every path to Prometheus and patient data out of labels.

Each rule takes the registry and yields a sentence per problem. Exporters disagree on names that hold a unit, ``total``
or ``ratio`` in the wrong place; the naming rules admit only names on which all of them agree.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from otel_clinical.semconv._prometheus import prometheus_family, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_clinical.generate._registry import Attribute, Registry, Signal

NAMESPACE = "clinical_ai."
OPEN_ENUMS = frozenset(
    NAMESPACE + key
    for key in (
        "use_case", "operation.name", "deployment.change.reason", "abstention.reason", "input.domain",
        "input.issue.type", "routing.reason", "override.reason", "reviewer.role", "outcome.source",
        "feedback.category", "feedback.channel", "safety.event.type", "quality.metric", "drift.detector",
        "rollback.guard.name",
    )
)  # fmt: skip
"""Enumerations that practice will extend: they, and no others, have the value ``_OTHER``."""

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_ANNOTATION = re.compile(r"\{[a-z_]+\}")
_UNIT_WORDS = frozenset({"total", "seconds", "milliseconds", "bytes", "percent", "ratio"})
_HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
_ANNOTATIONS = {
    "cardinality": frozenset({"low", "declared", "unbounded"}),
    "phi": frozenset({"none", "quasi", "linkable", "workforce"}),
    "metric_label": frozenset({"required", "recommended", "opt_in", "never"}),
}


def lint(registry: Registry) -> list[str]:
    """Return every problem of the registry, one sentence each; an empty list when it is sound."""
    return [problem for rule in RULES for problem in rule(registry)]


def names_are_well_formed(registry: Registry) -> Iterator[str]:
    """Own names are lower-case words joined by dots, inside the namespace."""
    own = [a.key for a in registry.attributes.values() if a.imported is None]
    for name in [*own, *(s.name for s in _signals(registry))]:
        if not name.startswith(NAMESPACE) or not _NAME.fullmatch(name):
            yield f"{name}: must be {NAMESPACE}<words>, in lower case with letters, digits, '_' and '.'"


def keys_are_no_namespaces(registry: Registry) -> Iterator[str]:
    """No attribute key is also the namespace of another."""
    keys = set(registry.attributes)
    for key in keys:
        parts = key.split(".")
        for prefix in (".".join(parts[:n]) for n in range(1, len(parts))):
            if prefix in keys:
                yield f"{prefix}: is also the namespace of {key}; name it {prefix}.<word>"


def labels_are_distinct(registry: Registry) -> Iterator[str]:
    """No two keys become the same Prometheus label."""
    counts = Counter(prometheus_label(key) for key in registry.attributes)
    for label, count in counts.items():
        if count > 1:
            yield f"{label}: {count} attribute keys become this label; rename all but one"


def references_are_defined(registry: Registry) -> Iterator[str]:
    """Every signal refers to defined attributes, each once."""
    for signal in _signals(registry):
        counts = Counter(r.key for r in signal.references)
        for key, count in counts.items():
            if key not in registry.attributes:
                yield f"{signal.name}: refers to undefined attribute {key}; define it or import it"
            if count > 1:
                yield f"{signal.name}: refers to {key} {count} times; keep one"


def attributes_are_classified(registry: Registry) -> Iterator[str]:
    """Every attribute states its cardinality, its sensitivity and whether metrics may carry it."""
    for attribute in registry.attributes.values():
        for name, allowed in _ANNOTATIONS.items():
            value = getattr(attribute, name)
            if value not in allowed:
                yield f"{attribute.key}: {name} is {value!r}; use one of {', '.join(sorted(allowed))}"
        if attribute.type == "string" and not attribute.members:
            yield from _string_problems(attribute)


def _string_problems(attribute: Attribute) -> Iterator[str]:
    if attribute.max_length is None:
        yield f"{attribute.key}: a string needs max_length"
    if attribute.imported is None and not attribute.examples:
        yield f"{attribute.key}: a string needs examples"


def enums_are_open_where_practice_grows(registry: Registry) -> Iterator[str]:
    """Exactly the open enumerations have the value ``_OTHER``, and no member is listed twice."""
    for attribute in registry.attributes.values():
        values = [m.value for m in attribute.members]
        if values and ("_OTHER" in values) != (attribute.key in OPEN_ENUMS):
            expected = "must" if attribute.key in OPEN_ENUMS else "must not"
            yield f"{attribute.key}: {expected} have the value _OTHER"
        if len(set(values)) != len(values):
            yield f"{attribute.key}: lists a value twice"
    for key in OPEN_ENUMS - set(registry.attributes):
        yield f"{key}: is listed as an open enumeration but not defined"


def metric_labels_are_bounded(registry: Registry) -> Iterator[str]:
    """Metrics carry only attributes of low or declared cardinality that are not linkable to a person."""
    for metric in registry.metrics:
        for key in (r.key for r in metric.references):
            attribute = registry.attributes.get(key)
            if attribute is None:
                continue
            if attribute.cardinality == "unbounded" or attribute.metric_label == "never":
                yield f"{metric.name}: {key} is not for metrics (cardinality {attribute.cardinality})"
            if attribute.phi == "linkable":
                yield f"{metric.name}: {key} is linkable to a person"


def metric_names_are_suffix_stable(registry: Registry) -> Iterator[str]:
    """Every exporter derives the same Prometheus family from the name, the instrument and the unit."""
    for metric in registry.metrics:
        words = metric.name.replace(".", "_").split("_")
        for word in _UNIT_WORDS.intersection(words):
            if word != "ratio" or words[-1] != "ratio" or words.count("ratio") > 1:
                yield f"{metric.name}: exporters disagree on names with {word!r}; take it out"
        yield from _UNIT_RULES[metric.fields["instrument"]](metric)


def _counter(metric: Signal) -> Iterator[str]:
    if not _ANNOTATION.fullmatch(metric.fields["unit"]):
        yield f"{metric.name}: a counter's unit must be an annotation such as {{review}}"
    if metric.annotations.get("plural", True) and not metric.name.endswith("s"):
        yield f"{metric.name}: a counter's name must be plural (or carry plural: false)"


def _gauge(metric: Signal) -> Iterator[str]:
    unit, name = metric.fields["unit"], metric.name
    if (unit == "1") != name.endswith(".ratio"):
        yield f"{name}: a gauge has unit 1 exactly when its name ends in .ratio"
    if unit == "s" and not name.endswith((".time", ".delay")):
        yield f"{name}: a gauge in seconds is a point in time; end its name in .time (or .delay between two of them)"
    if unit not in {"1", "s"} and not _ANNOTATION.fullmatch(unit):
        yield f"{name}: a gauge's unit must be 1, s or an annotation such as {{outcome}}"


def _state(metric: Signal) -> Iterator[str]:
    if metric.fields["unit"] != "1":
        yield f"{metric.name}: an updowncounter reports a state; its unit must be 1"


def _histogram(metric: Signal) -> Iterator[str]:
    if metric.fields["unit"] not in {"1", "s"}:
        yield f"{metric.name}: a histogram's unit must be 1 or s"


_UNIT_RULES: dict[str, Callable[[Signal], Iterator[str]]] = {
    "counter": _counter,
    "gauge": _gauge,
    "updowncounter": _state,
    "histogram": _histogram,
}


def families_are_as_declared(registry: Registry) -> Iterator[str]:
    """Every metric declares the family it gets, and no two metrics share a series name."""
    taken: dict[str, str] = {}
    for metric in registry.metrics:
        instrument, unit = metric.fields["instrument"], metric.fields["unit"]
        family = prometheus_family(metric.name, instrument, unit)
        if metric.prometheus.get("name") != family:
            yield f"{metric.name}: declares {metric.prometheus.get('name')} but becomes {family}"
        suffixes = ("", *_HISTOGRAM_SUFFIXES) if instrument == "histogram" else ("",)
        for series in (family + suffix for suffix in suffixes):
            if series in taken:
                yield f"{metric.name}: {series} is already a series of {taken[series]}"
            taken[series] = metric.name


def histograms_have_buckets(registry: Registry) -> Iterator[str]:
    """Histograms, and no other metrics, declare ascending buckets; every metric declares its source."""
    for metric in registry.metrics:
        buckets = metric.prometheus.get("buckets")
        if (metric.fields["instrument"] == "histogram") != bool(buckets):
            yield f"{metric.name}: buckets belong to histograms, and every histogram needs them"
        if buckets and sorted(set(buckets)) != buckets:
            yield f"{metric.name}: buckets must ascend"
        if metric.annotations.get("source") not in {"inference", "processor", "controller"}:
            yield f"{metric.name}: source must be inference, processor or controller"


def events_can_be_deduplicated(registry: Registry) -> Iterator[str]:
    """Every event requires its identifier and states its severity."""
    for event in registry.events:
        if not any(r.key == f"{NAMESPACE}event.id" and r.level == "required" for r in event.references):
            yield f"{event.name}: must require {NAMESPACE}event.id, the key for dropping duplicates"
        if event.annotations.get("severity") not in {"INFO", "WARN", "ERROR"}:
            yield f"{event.name}: severity must be INFO, WARN or ERROR"


def _signals(registry: Registry) -> Iterator[Signal]:
    yield from (*registry.metrics, *registry.events, *registry.spans)


RULES: tuple[Callable[[Registry], Iterator[str]], ...] = (
    names_are_well_formed,
    keys_are_no_namespaces,
    labels_are_distinct,
    references_are_defined,
    attributes_are_classified,
    enums_are_open_where_practice_grows,
    metric_labels_are_bounded,
    metric_names_are_suffix_stable,
    families_are_as_declared,
    histograms_have_buckets,
    events_can_be_deduplicated,
)
