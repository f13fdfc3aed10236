"""The declared words as tables of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._batch import SEGMENTS
from otel_clinical.drift.explode._wire_texts import Texts
from otel_clinical.features import FeatureSet, WireError
from otel_clinical.semconv import OTHER, SEGMENT_ATTRIBUTES
from otel_clinical.semconv.enums import DeploymentRole, InferenceStatus, OutcomeClass, OutcomeResult, ReviewAction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from otel_clinical.drift.explode._index import ModelIndex

ROLES: Final = Texts.of(role.value for role in DeploymentRole)
STATUSES: Final = Texts.of(status.value for status in InferenceStatus)
RESULTS: Final = Texts.of(result.value for result in OutcomeResult)
CLASSES: Final = Texts.of(cell.value for cell in OutcomeClass)
ACTIONS: Final = Texts.of(action.value for action in ReviewAction)
SEGMENT_COLUMNS: Final = tuple((column, str(name), SEGMENT_ATTRIBUTES[name]) for column, name in enumerate(SEGMENTS))
"""(column of a record, segment, attribute key)."""


NO_PLACE: Final = -1
"""Stands for a letter that names no bin of its feature."""


@dataclass(frozen=True, eq=False)
class Letters:
    """The text of a model's input features, letter by letter.

    Attributes:
        head: What every such text begins with.
        places: (features, 256) place that a byte stands for, `NO_PLACE` if it stands for none.
    """

    head: bytes
    places: NDArray[np.int16]

    @classmethod
    def of(cls, declared: FeatureSet) -> Letters:
        """Return the letters of declared features, as `FeatureSet` reads and writes them."""
        count = len(declared.features)
        head = declared.written([0] * count)[: -count or None].encode()
        places = np.full((count, 256), NO_PLACE, np.int16)
        for byte in range(128):
            for feature in range(count):
                alone = FeatureSet((declared.features[feature],))
                places[feature, byte] = _place(alone, chr(byte))
        return cls(head, places)


def _place(alone: FeatureSet, letter: str) -> int:
    try:
        (place,) = alone.read(alone.written([0])[:-1] + letter)
    except WireError:
        return NO_PLACE
    return place


@dataclass(frozen=True, eq=False)
class Words:
    """Declared words of one kind, with their numbers in the policy.

    Attributes:
        texts: The words.
        numbers: (n,) by the place that `texts` gives.
    """

    texts: Texts
    numbers: NDArray[np.uint16]

    @classmethod
    def of(cls, declared: Iterable[str], numbers: Mapping[str, int]) -> Words:
        """Return declared words, sorted out among all `numbers`."""
        texts = Texts.of(declared)
        return cls(texts, np.array([numbers[word] for word in texts.known], np.uint16))


@dataclass(frozen=True, eq=False)
class ModelTables:
    """Words of one model. `_OTHER` is among them: it is no mistake of the sender.

    Attributes:
        versions: Declared versions.
        segments: (column of a record, attribute key, declared values) of each declared segment.
        minimum_review: Seconds of active review below which an unedited acceptance is a rubber stamp.
        features: The text of the input features.
        counted: Of each of `CLASSES`, whether the metric counts it; None for every outcome.
    """

    versions: Words
    segments: tuple[tuple[int, str, Words], ...]
    minimum_review: float
    features: Letters
    counted: NDArray[np.bool_] | None

    @classmethod
    def of(cls, model: ModelIndex, numbers: Mapping[str, int]) -> ModelTables:
        """Return the tables of a model."""
        segments = tuple(
            (column, key, Words.of(sorted(model.segments[name] | {OTHER}), numbers))
            for column, name, key in SEGMENT_COLUMNS
            if name in model.segments
        )
        letters = Letters.of(model.features)
        counted = None if model.counted is None else np.array([cell in model.counted for cell in CLASSES.known])
        versions = Words.of(sorted(model.versions | {OTHER}), numbers)
        return cls(versions, segments, model.minimum_review, letters, counted)


@dataclass(frozen=True, eq=False)
class Tables:
    """Words of all models.

    Attributes:
        names: Names of the models.
        models: By name.
    """

    names: Texts
    models: Mapping[str, ModelTables]

    @classmethod
    def of(cls, models: Mapping[str, ModelIndex], numbers: Mapping[str, int]) -> Tables:
        """Return the tables of a policy; `numbers` of all its words."""
        return cls(Texts.of(models), {name: ModelTables.of(model, numbers) for name, model in models.items()})
