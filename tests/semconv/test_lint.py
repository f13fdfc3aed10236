"""The registry obeys its rules, and each rule catches what it is there for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_clinical.generate._lint import RULES, lint
from otel_clinical.generate._registry import Attribute, Member, Reference, Registry, Signal, load_registry
from otel_clinical.semconv import prometheus_family

N = "clinical_ai."


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def with_attribute(registry: Registry, **changes: object) -> Registry:
    """Add one attribute, sound but for the changes."""
    sound = {
        "key": N + "probe.key", "type": "string", "brief": "Probe.", "note": "", "examples": ("a",), "members": (),
        "cardinality": "low", "phi": "none", "metric_label": "required", "max_length": 8, "topic": "probe",
    }  # fmt: skip
    attribute = Attribute(**{**sound, **changes})  # type: ignore[arg-type]
    return replace(registry, attributes={**registry.attributes, attribute.key: attribute})


def metric(name="probes", instrument="counter", unit="{probe}", keys=(), family=None, **changes) -> Signal:
    family = family or prometheus_family(N + name, instrument, unit)
    ours = {"source": "inference", **changes.pop("ours", {})}
    prometheus = {"name": family, **changes}
    fields = {"instrument": instrument, "unit": unit, "annotations": {"otel_clinical": ours, "prometheus": prometheus}}
    return Signal(N + name, "Probe.", "", tuple(Reference(key, "required") for key in keys), fields)


def with_metric(registry: Registry, **changes: object) -> Registry:
    return replace(registry, metrics=(*registry.metrics, metric(**changes)))


def with_event(registry: Registry, keys=(N + "event.id",), severity="INFO") -> Registry:
    references = tuple(Reference(key, "required") for key in keys)
    event = Signal(N + "probe", "Probe.", "", references, {"annotations": {"otel_clinical": {"severity": severity}}})
    return replace(registry, events=(*registry.events, event))


def test_the_registry_has_no_problem(registry):
    assert lint(registry) == []


def test_sound_additions_have_no_problem(registry):
    assert lint(with_attribute(registry)) == []
    assert lint(with_metric(registry)) == []
    assert lint(with_event(registry)) == []


ENUM = (Member("a", "a", aggregate=False), Member("b", "b", aggregate=False))
OPEN = (*ENUM, Member("other", "_OTHER", aggregate=False))

BROKEN = {
    "upper case": (with_attribute, {"key": N + "Probe.key"}, "must be clinical_ai."),
    "foreign namespace": (with_attribute, {"key": "probe.key"}, "must be clinical_ai."),
    "hyphen": (with_metric, {"name": "probe-runs"}, "must be clinical_ai."),
    "namespace of another": (with_attribute, {"key": N + "model"}, "is also the namespace of"),
    "key below a key": (with_attribute, {"key": N + "use_case.detail"}, "is also the namespace of"),
    "same label": (with_attribute, {"key": N + "model_name"}, "attribute keys become this label"),
    "undefined reference": (with_metric, {"keys": [N + "nothing.here"]}, "undefined attribute"),
    "double reference": (with_metric, {"keys": [N + "use_case", N + "use_case"]}, "2 times"),
    "no cardinality": (with_attribute, {"cardinality": ""}, "cardinality is ''"),
    "no sensitivity": (with_attribute, {"phi": ""}, "phi is ''"),
    "no label class": (with_attribute, {"metric_label": "sometimes"}, "metric_label is 'sometimes'"),
    "unbounded string": (with_attribute, {"max_length": None}, "needs max_length"),
    "no example": (with_attribute, {"examples": ()}, "needs examples"),
    "closed enum with other": (with_attribute, {"members": OPEN}, "must not have the value _OTHER"),
    "open enum without other": (with_attribute, {"key": N + "use_case", "members": ENUM}, "must have the value _OTHER"),
    "value twice": (with_attribute, {"members": (*ENUM, ENUM[0])}, "lists a value twice"),
    "unbounded label": (with_metric, {"keys": [N + "inference.id"]}, "is not for metrics"),
    "linkable label": (with_metric, {"keys": [N + "safety.report.id"]}, "linkable to a person"),
    "total inside": (with_metric, {"name": "probe.total.runs"}, "disagree on names with 'total'"),
    "ratio inside": (with_metric, {"name": "probe.ratio.runs"}, "disagree on names with 'ratio'"),
    "unit word": (
        with_metric,
        {"name": "probe.seconds", "instrument": "histogram", "unit": "s", "buckets": [1]},
        "disagree on names with 'seconds'",
    ),
    "counter without annotation": (with_metric, {"unit": "1"}, "must be an annotation"),
    "singular counter": (with_metric, {"name": "probe"}, "must be plural"),
    "gauge of unit 1": (with_metric, {"name": "probe", "instrument": "gauge", "unit": "1"}, "ends in .ratio"),
    "ratio with annotation": (with_metric, {"name": "probe.ratio", "instrument": "gauge"}, "ends in .ratio"),
    "age as gauge": (with_metric, {"name": "probe.age", "instrument": "gauge", "unit": "s"}, "end its name in .time"),
    "percent": (with_metric, {"name": "probe", "instrument": "gauge", "unit": "%"}, "must be 1, s or an annotation"),
    "state with a unit": (with_metric, {"name": "probe.status", "instrument": "updowncounter"}, "unit must be 1"),
    "histogram of bytes": (
        with_metric,
        {"name": "probe.size", "instrument": "histogram", "unit": "By", "buckets": [1]},
        "unit must be 1 or s",
    ),
    "wrong family": (with_metric, {"family": "clinical_ai_probes"}, "but becomes"),
    "shared series": (
        with_metric,
        {"name": "confidence.count", "instrument": "gauge", "unit": "{inference}"},
        "is already a series of",
    ),
    "no buckets": (
        with_metric,
        {"name": "probe.delay", "instrument": "histogram", "unit": "s"},
        "every histogram needs them",
    ),
    "buckets on a counter": (with_metric, {"buckets": [1]}, "buckets belong to histograms"),
    "falling buckets": (
        with_metric,
        {"name": "probe.delay", "instrument": "histogram", "unit": "s", "buckets": [2, 1]},
        "must ascend",
    ),
    "no source": (with_metric, {"ours": {"source": "nobody"}}, "source must be"),
    "event without id": (with_event, {"keys": (N + "model.name",)}, "the key for dropping duplicates"),
    "event severity": (with_event, {"severity": "PANIC"}, "severity must be"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "arguments", "expected"), BROKEN.values(), ids=BROKEN)
def test_each_rule_catches_what_it_is_there_for(registry, change, arguments, expected):
    problems = lint(change(registry, **arguments))
    assert any(expected in problem for problem in problems), problems


def test_every_rule_has_a_negative_control(registry):
    """A rule that no broken registry triggers would be decoration."""
    triggered = {
        rule.__name__
        for change, arguments, _ in BROKEN.values()
        for rule in RULES
        if list(rule(change(registry, **arguments)))
    }
    assert triggered == {rule.__name__ for rule in RULES}
