"""Record what the policy decided as series, so that rules and graphs draw the same lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_model import Group, Record, Rule
from otel_clinical.generate._rules_promql import number
from otel_clinical.policy import load_baseline
from otel_clinical.semconv import AGGREGATE, attributes, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.policy import Baseline, ModelPolicy, Policy

EXPECTED: Final = "clinical_ai:expected_model:info"
"""1 for every model of the policy: a service that vanished as a whole still has this series."""

THRESHOLD: Final = "clinical_ai:tier_threshold:ratio"
"""Drop of each tier, per model."""

ACCEPTED: Final = "clinical_ai:accepted_baseline:ratio"
"""Mean score of each segment's baseline as the rules were generated from it; there even without the processor."""

WEIGHT: Final = "clinical_ai:accepted_baseline:weight"
"""Share of each stratum in the baseline."""

_NAME = prometheus_label(attributes.SEGMENT_NAME)
_VALUE = prometheus_label(attributes.SEGMENT_VALUE)
_MODEL = prometheus_label(attributes.MODEL_NAME)


def expected(policy: Policy) -> Group:
    """Return the group that lists the models which must be seen."""
    rules = tuple(_constant(EXPECTED, 1, {_MODEL: name}) for name in policy.models)
    return Group("clinical-ai-expected", rules)


def constants(policy: Policy) -> Group:
    """Return the group of thresholds and baselines of every model."""
    rules = tuple(rule for name, model in policy.models.items() for rule in _model(name, model))
    return Group("clinical-ai-constants", rules)


def segments(model: ModelPolicy) -> Iterator[tuple[str, str]]:
    """Yield the aggregate and every declared segment value as (name, value)."""
    yield AGGREGATE, AGGREGATE
    for name, values in model.segments.items():
        yield from ((name.value, value) for value in values)


def _model(name: str, model: ModelPolicy) -> Iterator[Rule]:
    level = prometheus_label(attributes.ESCALATION_LEVEL)
    for tier, values in model.tiers.items():
        yield _constant(THRESHOLD, values.drop, {_MODEL: name, level: tier.value})
    baseline = load_baseline(model.baseline.file)
    for segment, value in segments(model):
        yield _accepted(name, baseline, segment, value)
    yield from _weights(name, model, baseline)


def _accepted(name: str, baseline: Baseline, segment: str, value: str) -> Record:
    ratio = round(baseline.ratio(segment, value), 6)
    return _constant(ACCEPTED, ratio, {_MODEL: name, _NAME: segment, _VALUE: value})


def _weights(name: str, model: ModelPolicy, baseline: Baseline) -> Iterator[Record]:
    if model.standardise_by is None:
        return
    for stratum, share in sorted(baseline.weights().items()):
        labels = {_MODEL: name, _NAME: model.standardise_by.value, _VALUE: stratum}
        yield _constant(WEIGHT, round(share, 6), labels)


def _constant(name: str, value: float, labels: dict[str, str]) -> Record:
    return Record(name, f"vector({number(value)})", labels)
