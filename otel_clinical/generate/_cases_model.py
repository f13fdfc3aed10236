"""What a unit test of an alert consists of: series over time, and who fires at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_promql import matchers, number
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import DeploymentState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.policy import ModelPolicy
    from otel_clinical.semconv import MetricDef

LOOKS: Final = 50
"""Evaluations of a test: two and a half of the longest plumbing window, so that old counts are old."""

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """One input series in promtool's notation: a selector, and a value per evaluation."""

    selector: str
    values: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """When one alert fires and when it must not.

    Attributes:
        alert: Its name.
        fires: Situations, by description, in which it fires once for each of `about`.
        quiet: Situations in which it does not.
        about: Labels of each firing alert beyond those that the rule itself sets.
        only: The same for a situation in which fewer fire, by its description.
        model: The model whose rule is tested; None for rules about no single model.
        without_data: Labels of the alerts that fire when there are no series at all.
        looks: Evaluations until the check.
    """

    alert: str
    fires: Mapping[str, tuple[Series, ...]]
    quiet: Mapping[str, tuple[Series, ...]]
    about: tuple[Labels, ...] = ({},)
    model: str | None = None
    without_data: tuple[Labels, ...] = ()
    looks: int = LOOKS
    only: Mapping[str, tuple[Labels, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """One model of the policy as tests speak of it: a version, a segment, and the rhythm of evaluation."""

    name: str
    policy: ModelPolicy
    interval: float

    @property
    def version(self) -> str:
        """Return the version that serves in tests."""
        return self.policy.versions[0]

    @property
    def segment(self) -> tuple[str, str]:
        """Return a declared segment value, the aggregate where none is declared."""
        for name, values in self.policy.segments.items():
            return name.value, values[0]
        return AGGREGATE, AGGREGATE

    @property
    def source(self) -> tuple[str, str]:
        """Return a declared value of the segment by which input quality is judged."""
        by = self.policy.input_quality.by
        return by.value, self.policy.segments.get(by, ("none",))[0]

    @property
    def model(self) -> Labels:
        """Return the attribute that names the model."""
        return {attributes.MODEL_NAME: self.name}

    @property
    def served(self) -> Labels:
        """Return the attributes of model and version."""
        return {**self.model, attributes.MODEL_VERSION: self.version}

    @property
    def stream(self) -> Labels:
        """Return the attributes of model, version and segment."""
        return {**self.served, **in_segment(self.segment)}

    def active(self, version: str | None = None) -> Series:
        """Return the series by which a router says which version serves."""
        return level(
            metrics.DEPLOYMENT_STATUS,
            {
                **self.model,
                attributes.MODEL_VERSION: version or self.version,
                attributes.DEPLOYMENT_STATE: DeploymentState.ACTIVE.value,
            },
            1,
            self.looks,
        )

    def given(self, segment: tuple[str, str]) -> Series:
        """Return the series by which the controller says that a rule gives `segment` this version."""
        return level(metrics.RELEASE_SEGMENT_STATUS, {**self.served, **in_segment(segment)}, 1, self.looks)

    def flowing(self) -> Series:
        """Return inferences that are made all the time."""
        return growing(metrics.INFERENCES, self.served, 10, self.looks)

    @property
    def looks(self) -> int:
        """Return evaluations until the check, with the hold of this model's alerts."""
        return LOOKS + round(self.policy.hold.for_ / self.interval)


def in_segment(segment: tuple[str, str]) -> Labels:
    """Return the attributes of a segment value."""
    return {attributes.SEGMENT_NAME: segment[0], attributes.SEGMENT_VALUE: segment[1]}


def level(metric: MetricDef, labels: Mapping[str, str], value: float, looks: int = LOOKS) -> Series:
    """Return a series that keeps one value."""
    return Series(_named(metric, labels), f"{number(value)}x{looks}")


def growing(metric: MetricDef, labels: Mapping[str, str], step: float, looks: int = LOOKS) -> Series:
    """Return a counter that grows by `step` at each evaluation."""
    return Series(_named(metric, labels), f"0+{number(step)}x{looks}")


def late(metric: MetricDef, labels: Mapping[str, str], looks: int = LOOKS) -> Series:
    """Return a counter that counts its first event shortly before the end."""
    return Series(_named(metric, labels), f"0x{looks - 10} 1x9")


def born(metric: MetricDef, labels: Mapping[str, str], looks: int = LOOKS) -> Series:
    """Return a counter that does not exist until it counts its first event, shortly before the end."""
    return Series(_named(metric, labels), f"_x{looks - 10} 1x9")


def gone(metric: MetricDef, labels: Mapping[str, str], value: float, looks: int = LOOKS) -> Series:
    """Return a series whose target fails half-way: Prometheus marks it stale."""
    half = looks // 2
    return Series(_named(metric, labels), f"{number(value)}x{half} stale")


def foreign(family: str, labels: Mapping[str, str], values: str) -> Series:
    """Return a series of a program that is not ours."""
    return Series(family + matchers(labels), values)


def _named(metric: MetricDef, labels: Mapping[str, str]) -> str:
    unknown = set(labels) - set(metric.attributes)
    if unknown:
        raise ValueError(f"{metric.name} has no attribute {', '.join(sorted(unknown))}")
    return metric.prometheus + matchers(labels)
