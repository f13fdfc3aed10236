"""The part of a baseline that says where the values of input features lay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.features import MISSING_PLACE, UNREADABLE_PLACE, Feature, FeatureSet, Kind
from otel_clinical.policy._baseline import ALL, FeatureReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONFIDENCE: Final = Feature("confidence", Kind.NUMERIC, edges=tuple(i / 20 for i in range(1, 20)))
"""The confidence, watched like a feature in every model."""
_LARGEST: Final = 2**53


class BaselineError(ValueError):
    """A baseline file is missing, malformed or contradicts itself; the text says which and where."""


class FeatureCounts:
    """Counts the values of features, and of the confidence, by segment value.

    Args:
        known: Declared features.
    """

    def __init__(self, known: FeatureSet) -> None:
        self._features = {feature.name: feature for feature in (*known.features, CONFIDENCE)}
        self._cells: dict[str, dict[tuple[str, str], list[int]]] = {}

    def add(self, values: Mapping[str, object], segments: Iterable[tuple[str, str]]) -> None:
        """Count one inference: features that are not among `values` are not counted."""
        keys = ((ALL, ALL), *segments)
        for name, value in values.items():
            feature = self._features.get(name)
            if feature is None:
                continue
            place = {UNREADABLE_PLACE: feature.bins, MISSING_PLACE: feature.bins + 1}.get(
                (found := feature.place(value)), found
            )
            cells = self._cells.setdefault(name, {})
            for key in keys:
                cells.setdefault(key, [0] * (feature.bins + 2))[place] += 1

    def build(self) -> dict[str, FeatureReference]:
        """Return what was counted."""
        return {
            name: FeatureReference(
                self._features[name].digest, {key: tuple(counts) for key, counts in sorted(cells.items())}
            )
            for name, cells in sorted(self._cells.items())
        }


def parse_features(item: object) -> dict[str, FeatureReference]:
    """Return the features of a file.

    Raises:
        BaselineError: They cannot be true.
    """
    if not isinstance(item, dict):
        raise BaselineError("features is no object of {bins, cells}")
    return {name: _feature(name, content) for name, content in item.items()}


def _feature(name: str, content: object) -> FeatureReference:
    where = f"features.{name}"
    if not isinstance(content, dict) or set(content) != {"bins", "cells"}:
        raise BaselineError(f"{where} is no object of {{bins, cells}}")
    bins, cells = content["bins"], content["cells"]
    if not isinstance(bins, str) or not isinstance(cells, list):
        raise BaselineError(f"{where} needs bins, a text, and cells, a list")
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for index, cell in enumerate(cells):
        key, counts = _cell(f"{where}.cells[{index}]", cell)
        if key in found:
            raise BaselineError(f"{where}.cells[{index}] repeats segment={key[0]} value={key[1]}")
        found[key] = counts
    if len({len(counts) for counts in found.values()}) > 1:
        raise BaselineError(f"{where}.cells differ in their number of bins")
    return FeatureReference(bins, found)


def _cell(where: str, cell: object) -> tuple[tuple[str, str], tuple[int, ...]]:
    if not isinstance(cell, dict) or set(cell) != {"segment", "value", "counts"}:
        raise BaselineError(f"{where} is no object of {{segment, value, counts}}")
    counts = cell["counts"]
    if not isinstance(counts, list) or not all(_is_count(count) for count in counts):
        raise BaselineError(f"{where}.counts is no list of whole numbers from 0")
    if not (isinstance(cell["segment"], str) and isinstance(cell["value"], str)):
        raise BaselineError(f"{where} needs segment and value, texts")
    return (cell["segment"], cell["value"]), tuple(counts)


def _is_count(count: object) -> bool:
    return isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _LARGEST
