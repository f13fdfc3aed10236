"""The declared words: what a record may name, taken from the policy once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from otel_clinical.drift.explode._wire_tables import Tables
from otel_clinical.semconv import OTHER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.features import FeatureSet
    from otel_clinical.policy import Policy

_MOST_WORDS: Final = 65_000
"""Records number their words in two bytes."""


@dataclass(frozen=True)
class ModelIndex:
    """The declared words of one model.

    Attributes:
        versions: Declared versions.
        segments: Declared values by segment name.
        maturity: Seconds after which an inference's outcome counts.
        minimum_review: Seconds of active review below which an unedited acceptance is a rubber stamp.
        features: Declared input features.
        counted: Classes of outcome that the metric counts; None for every outcome.
    """

    versions: frozenset[str]
    segments: Mapping[str, frozenset[str]]
    maturity: float
    minimum_review: float
    features: FeatureSet
    counted: frozenset[str] | None = None


@dataclass(frozen=True)
class PolicyIndex:
    """What `explode_traces` and `explode_logs` need of a policy.

    Attributes:
        models: By model name.
        retention: Seconds after which a record is too old to be used.
    """

    models: Mapping[str, ModelIndex]
    retention: float

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of every declared word; 0 is the absent word, 1 is `_OTHER`.

        Raises:
            ValueError: More words than records can number.
        """
        declared = set(self.models)
        for model in self.models.values():
            declared.update(model.versions, *model.segments.values())
        if len(declared) > _MOST_WORDS:
            raise ValueError(
                f"the policy declares {len(declared)} models, versions and segment values; at most {_MOST_WORDS}"
            )
        return {word: place for place, word in enumerate(["", OTHER, *sorted(declared - {"", OTHER})])}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every declared word by its number."""
        return tuple(self.numbers)

    @cached_property
    def tables(self) -> Tables:
        """The words as tables of bytes."""
        return Tables.of(self.models, self.numbers)

    @classmethod
    def of(cls, policy: Policy) -> PolicyIndex:
        """Return the index of a policy."""
        models = {
            name: ModelIndex(
                frozenset(model.versions),
                {str(segment): frozenset(values) for segment, values in model.segments.items()},
                model.labels.maturity,
                model.rubber_stamps.minimum_review,
                model.feature_set,
                None if model.metric.counted is None else frozenset(cell.value for cell in model.metric.counted),
            )
            for name, model in policy.models.items()
        }
        return cls(models, policy.drift.retention)
