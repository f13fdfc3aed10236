"""The part of a baseline that says where the values of input features lay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.features import MISSING_PLACE, UNREADABLE_PLACE, Feature, FeatureSet, Kind
from otel_clinical.policy._baseline import ALL, FeatureReference, HourBlock
from otel_clinical.policy._baseline_hours import HOURS, hour_of_week, merged_hours
from otel_clinical.policy._problems import BaselineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONFIDENCE: Final = Feature("confidence", Kind.NUMERIC, edges=tuple(i / 20 for i in range(1, 20)))
"""The confidence, watched like a feature in every model."""
_LARGEST: Final = 2**53


class FeatureCounts:
    """Counts the values of features, and of the confidence, by segment value.

    Args:
        known: Declared features.
    """

    def __init__(self, known: FeatureSet) -> None:
        self._features = {feature.name: feature for feature in (*known.features, CONFIDENCE)}
        self._cells: dict[str, dict[tuple[str, str], list[int]]] = {}
        self._hours: dict[str, dict[tuple[str, str], dict[int, list[int]]]] = {}

    def add(self, values: Mapping[str, object], segments: Iterable[tuple[str, str]], at: float | None = None) -> None:
        """Count one inference of Unix seconds `at`: features that are not among `values` are not counted."""
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
            if at is not None:
                self._in_hour(feature, keys, hour_of_week(at), place)

    def build(self) -> dict[str, FeatureReference]:
        """Return what was counted."""
        return {
            name: FeatureReference(
                self._features[name].digest,
                {key: tuple(counts) for key, counts in sorted(cells.items())},
                self._merged(name),
            )
            for name, cells in sorted(self._cells.items())
        }

    def _in_hour(self, feature: Feature, keys: Iterable[tuple[str, str]], hour: int, place: int) -> None:
        streams = self._hours.setdefault(feature.name, {})
        for key in keys:
            streams.setdefault(key, {}).setdefault(hour, [0] * (feature.bins + 2))[place] += 1

    def _merged(self, name: str) -> dict[tuple[str, str], tuple[HourBlock, ...]]:
        bins = self._features[name].bins
        found = {key: merged_hours(hours, bins) for key, hours in sorted(self._hours.get(name, {}).items())}
        return {key: blocks for key, blocks in found.items() if blocks}


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
    if not isinstance(content, dict) or set(content) - {"hours"} != {"bins", "cells"}:
        raise BaselineError(f"{where} is no object of {{bins, cells}}, and hours where they are known")
    bins, cells = content["bins"], content["cells"]
    if not isinstance(bins, str) or not isinstance(cells, list):
        raise BaselineError(f"{where} needs bins, a text, and cells, a list")
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for index, cell in enumerate(cells):
        if not isinstance(cell, dict) or set(cell) != {"segment", "value", "counts"}:
            raise BaselineError(f"{where}.cells[{index}] is no object of {{segment, value, counts}}")
        key, counts = _cell(f"{where}.cells[{index}]", cell)
        if key in found:
            raise BaselineError(f"{where}.cells[{index}] repeats segment={key[0]} value={key[1]}")
        found[key] = counts
    if len({len(counts) for counts in found.values()}) > 1:
        raise BaselineError(f"{where}.cells differ in their number of bins")
    return FeatureReference(bins, found, _hours(where, content.get("hours", [])))


def _hours(where: str, items: object) -> dict[tuple[str, str], tuple[HourBlock, ...]]:
    if not isinstance(items, list):
        raise BaselineError(f"{where}.hours is no list")
    found: dict[tuple[str, str], list[HourBlock]] = {}
    for index, item in enumerate(items):
        at = f"{where}.hours[{index}]"
        if not isinstance(item, dict) or set(item) != {"segment", "value", "hours", "counts"}:
            raise BaselineError(f"{at} is no object of {{segment, value, hours, counts}}")
        key, counts = _cell(at, item)
        hours, blocks = item["hours"], found.setdefault(key, [])
        if not isinstance(hours, list) or not hours or not all(_is_count(hour) and hour < HOURS for hour in hours):
            raise BaselineError(f"{at}.hours is no list of hours of the week, 0 to {HOURS - 1}")
        known = {hour for block in blocks for hour in block.hours}
        if known.intersection(hours) or len(set(hours)) < len(hours):
            raise BaselineError(f"{at} repeats an hour of segment={key[0]} value={key[1]}")
        blocks.append(HourBlock(tuple(hours), counts))
    return {key: tuple(blocks) for key, blocks in found.items()}


def _cell(where: str, cell: Mapping[str, object]) -> tuple[tuple[str, str], tuple[int, ...]]:
    counts = cell["counts"]
    if not isinstance(counts, list) or not all(_is_count(count) for count in counts):
        raise BaselineError(f"{where}.counts is no list of whole numbers from 0")
    if not (isinstance(cell["segment"], str) and isinstance(cell["value"], str)):
        raise BaselineError(f"{where} needs segment and value, texts")
    return (cell["segment"], cell["value"]), tuple(counts)


def _is_count(count: object) -> bool:
    return isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _LARGEST
