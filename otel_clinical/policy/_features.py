"""The part of the policy that declares input features, their frozen bins, and how far they may move."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from otel_clinical.features import MOST_BINS, MOST_FEATURES, Feature, FeatureSet, Kind
from otel_clinical.policy._baseline_features import CONFIDENCE
from otel_clinical.policy._baseline_hours import SAME_HOUR
from otel_clinical.policy._names import MetricName, text
from otel_clinical.policy._quantities import SECONDS, Budget, Duration, FalseAlarms, Percent
from otel_clinical.policy._section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Word = Annotated[str, BeforeValidator(text), Field(min_length=1, max_length=64)]
Words = Annotated[tuple[Word, ...], Field(max_length=MOST_BINS - 1)]
Edge = Annotated[float, Field(allow_inf_nan=False)]
InputReference = Literal["band", "same_hour_of_week"]
FeatureName = Annotated[MetricName, Field(max_length=40)]


class FeaturePolicy(Section):
    """One input feature. Only the bin that a value falls into leaves the process, never the value."""

    kind: Kind = Field(description="numeric: edges; categorical: values; format: masks.")
    edges: Annotated[tuple[Edge, ...], Field(max_length=MOST_BINS - 1)] = Field(
        default=(), description="Of a numeric feature: where one bin ends and the next begins, rising."
    )
    values: Words = Field(default=(), description="Of a categorical feature: its values; all else is one more bin.")
    masks: Words = Field(
        default=(), description="Of a format feature: shapes of its text, 9 a digit, A a capital, a another letter."
    )

    def named(self, name: str) -> Feature:
        """Return the feature under its name."""
        return Feature(name, self.kind, self.edges, self.values or self.masks)


Features = Annotated[dict[FeatureName, FeaturePolicy], Field(max_length=MOST_FEATURES)]


class InputDrift(Section):
    """How far input features and confidence may move, and how often one looks."""

    window: Annotated[Duration, Field(gt=0)] = Field(
        default=SECONDS["h"], description="Shortest time between two looks at the bins of a segment."
    )
    minimum_inferences: Annotated[int, Field(strict=True, ge=50, le=1_000_000)] = Field(
        default=200, description="Inferences of a segment that a look needs."
    )
    tolerance: Annotated[Percent, Field(gt=0, lt=1)] = Field(
        default=0.05, description="Share of the inputs that may lie elsewhere than in the baseline, for ever."
    )
    psi: Annotated[float, Field(gt=0, le=2)] = Field(
        default=0.1, description="Population stability index against the baseline that is tolerated for ever."
    )
    reference: InputReference = Field(
        default="band",
        description="band: the whole baseline; same_hour_of_week: its same hours of the week (UTC), where it holds "
        "enough of them.",
    )
    record_hours: bool = Field(
        default=False,
        description="Record the hours of the week for a baseline that is frozen later from the processor's state; "
        "same_hour_of_week records them anyway.",
    )
    false_alarms: FalseAlarms = Field(
        default=Budget(1.0, SECONDS["y"]),
        description="Accepted false alarms of input drift, over every feature, segment and model.",
    )

    @property
    def by_hour(self) -> bool:
        """Whether the hours of the week are recorded."""
        return self.record_hours or self.reference == SAME_HOUR


def feature_set(features: Mapping[str, FeaturePolicy]) -> FeatureSet:
    """Return the declared features in the order of the wire."""
    return FeatureSet(tuple(feature.named(name) for name, feature in features.items()))


_BINS: Final = {Kind.NUMERIC: "edges", Kind.CATEGORICAL: "values", Kind.FORMAT: "masks"}


def check_features(features: Mapping[str, FeaturePolicy]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield what is wrong with the bins of each feature."""
    for name, feature in features.items():
        at = ("features", name)
        if name == CONFIDENCE.name:
            yield at, f'"{name}" is reserved for the confidence itself, which is always watched', "another name"
        wanted = _BINS[feature.kind]
        given = [key for key in _BINS.values() if getattr(feature, key)]
        if wanted not in given:
            yield at, f"a {feature.kind} feature without {wanted}", f"{wanted}: a list such as {_EXAMPLES[wanted]}"
        for key in given:
            if key != wanted:
                yield (*at, key), f"a {feature.kind} feature has no {key}", f"{wanted} only"
        if any(high <= low for low, high in pairwise(feature.edges)):
            yield (*at, "edges"), "do not rise", "each edge above the one before"
        words = feature.values or feature.masks
        if len(set(words)) < len(words):
            yield (*at, wanted), "holds a word twice", "each word once"


_EXAMPLES: Final = {"edges": "[18, 40, 65]", "values": "[medicaid, medicare]", "masks": '["99999", "A99.9"]'}
