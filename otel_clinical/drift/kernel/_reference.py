"""What a baseline is made of, as it is recorded: whole numbers by version and week, so that any weeks add up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.drift.explode._truth import REVIEWED, UNCOUNTED
from otel_clinical.drift.kernel._design import strata_of
from otel_clinical.drift.kernel._feature_design import watched
from otel_clinical.drift.kernel._feature_hours import PLACES
from otel_clinical.policy import ALL, LABEL_EDGES
from otel_clinical.semconv import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from otel_clinical.policy import ModelPolicy

    Ints = NDArray[np.int64]
    SegmentKey = tuple[str, str]

WEEK: Final = 7 * 86_400_000_000
"""Microseconds; weeks begin on Monday, 00:00 UTC."""
MONDAY: Final = 4 * 86_400_000_000
"""The first one since 1970."""
BINS: Final = 20
_DELAYS: Final = np.array(LABEL_EDGES, np.int64) * MICRO
_KIND, _VERSION = "reference", 1


@dataclass(frozen=True)
class Layout:
    """What the cells of a model mean: names of segments and pairs with their values, strata, and features.

    A cell's number is made of the place of its name, of its value and of its stratum.
    """

    names: tuple[tuple[str, tuple[str, ...]], ...]
    strata: tuple[str, ...]
    features: tuple[str, ...]

    @classmethod
    def of(cls, model: ModelPolicy) -> Layout:
        """Return the layout of a model."""
        segments = {str(name): (*sorted(values), OTHER) for name, values in model.segments.items()}
        pairs = {}
        for pair in model.pair_names:
            one, other = (segments[name][:-1] for name in pair.split(","))
            pairs[pair] = tuple(f"{first},{second}" for first in one for second in other)
        names = {ALL: (ALL,), **segments, **pairs}
        return cls(tuple(names.items()), strata_of(model), tuple(feature.digest for feature in watched(model)))

    @cached_property
    def digest(self) -> str:
        """Counts of one digest may be added."""
        parts = repr((self.names, self.strata, self.features))
        return hashlib.blake2b(parts.encode(), digest_size=8).hexdigest()

    def number(self, name: int, values: Ints, strata: NDArray[np.intp]) -> Ints:
        """Return the numbers of cells."""
        return np.asarray((name << 48) + (values << 16) + strata)

    def key(self, number: int) -> tuple[str, str, str]:
        """Return (segment, value, stratum) of a cell."""
        name, values = self.names[number >> 48]
        return name, values[number >> 16 & 0xFFFF_FFFF], self.strata[number & 0xFFFF]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Outcomes of one version and week.

    Attributes:
        cells: (names, n) numbers of the cells that each counts in; -1 for none.
        rows: (n,) of `PENDING`.
    """

    cells: Ints
    rows: NDArray[np.void]


@dataclass
class Reference:
    """Counts of one version in one week, by the start of the inferences.

    Attributes:
        cells: [outcomes, sum of scores] by the number of the cell.
        totals: How many, sum, and sum of squares, in millionths, of the confidence of outcomes and of the quality of
            inferences; then inferences that should get an outcome, outcomes, and those that the metric counts.
        span: Start of the first and of the last inference with an outcome, microseconds; empty without.
        histogram: (2, 20) outcomes and sum of scores by confidence.
        delays: (18,) outcomes by how long they took.
        features: (f, PLACES) inferences by segment value.
    """

    cells: dict[int, list[int]] = field(default_factory=dict)
    totals: list[list[int]] = field(default_factory=lambda: [[0, 0, 0] for _ in range(3)])
    span: list[int] = field(default_factory=list)
    histogram: Ints = field(default_factory=lambda: np.zeros((2, BINS), np.int64))
    delays: Ints = field(default_factory=lambda: np.zeros(len(LABEL_EDGES), np.int64))
    features: dict[SegmentKey, Ints] = field(default_factory=dict)

    def infer(self, rows: NDArray[np.void]) -> None:
        """Count inferences."""
        self.totals[2][0] += int((rows["mark"] == 1).sum())
        _note(self.totals[1], rows["quality"])

    def look(self, key: SegmentKey, counts: Ints) -> None:
        """Count the features of the inferences between two looks."""
        self.features[key] = self.features[key] + counts if key in self.features else counts

    def label(self, found: Labelled) -> None:
        """Count outcomes, each the one of its encounter that counts."""
        rows = found.rows
        counted = rows["mark"] & UNCOUNTED == 0
        self.totals[2][1] += len(rows)
        self.totals[2][2] += int(counted.sum())
        for number, n, total in _summed(found.cells[:, counted], rows["score"][counted].astype(np.int64)):
            cell = self.cells.setdefault(number, [0, 0])
            cell[0] += n
            cell[1] += total
        if counted.any():
            self._reach(int(rows["inferred"][counted].min()), int(rows["inferred"][counted].max()))
        places = np.searchsorted(_DELAYS, (rows["time"] - rows["inferred"])[counted], side="left") - 1
        self.delays += np.bincount(np.maximum(places, 0), minlength=len(LABEL_EDGES))
        sure = rows[(rows["confidence"] != ABSENT) & (rows["mark"] & REVIEWED == 0)]
        _note(self.totals[0], sure["confidence"])
        bins = _bins(sure)
        self.histogram[0] += np.bincount(bins, minlength=BINS)
        np.add.at(self.histogram[1], bins, sure["score"].astype(np.int64))

    def amend(self, found: Labelled, was: Ints, was_counted: NDArray[np.bool_]) -> None:
        """Let counted outcomes say what they say now; `was` and `was_counted` are what they said before."""
        rows = found.rows
        counted, now = rows["mark"] & UNCOUNTED == 0, rows["score"].astype(np.int64)
        for chosen, scores, sign in ((was_counted, was, -1), (counted, now, 1)):
            self.totals[2][2] += sign * int(chosen.sum())
            for number, n, total in _summed(found.cells[:, chosen], scores[chosen]):
                cell = self.cells.setdefault(number, [0, 0])
                cell[0] += sign * n
                cell[1] += sign * total
        sure = (rows["confidence"] != ABSENT) & (rows["mark"] & REVIEWED == 0)
        np.add.at(self.histogram[1], _bins(rows[sure]), (now - was)[sure])

    def add(self, other: Reference) -> None:
        """Add the counts of other weeks of the same layout."""
        for number, (n, total) in other.cells.items():
            cell = self.cells.setdefault(number, [0, 0])
            cell[0] += n
            cell[1] += total
        for mine, its in zip(self.totals, other.totals, strict=True):
            mine[:] = [one + more for one, more in zip(mine, its, strict=True)]
        if other.span:
            self._reach(*other.span)
        self.histogram = self.histogram + other.histogram
        self.delays = self.delays + other.delays
        for key, counts in other.features.items():
            self.look(key, counts)

    def _reach(self, first: int, last: int) -> None:
        self.span = [min(first, self.span[0]), max(last, self.span[1])] if self.span else [first, last]

    def dumps(self) -> bytes:
        """Return the counts as bytes."""
        cells = [[number, *both] for number, both in sorted(self.cells.items()) if both[0]]
        features = sorted(self.features.items())
        meta: dict[str, Any] = {"totals": self.totals, "span": self.span, "features": [key for key, _ in features]}
        stacked = np.vstack([counts for _, counts in features]) if features else np.zeros((0, PLACES), np.int64)
        arrays = {"cells": np.array(cells, np.int64).reshape(-1, 3), "features": stacked}
        return pack(_KIND, _VERSION, meta, {**arrays, "histogram": self.histogram, "delays": self.delays})

    @classmethod
    def loads(cls, data: bytes) -> Reference:
        """Return the counts that `dumps` gave.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        keys = [(name, value) for name, value in meta["features"]]
        parts = np.split(arrays["features"], len(keys)) if keys else []
        return cls(
            {number: [n, total] for number, n, total in arrays["cells"].tolist()},
            meta["totals"],
            meta["span"],
            arrays["histogram"],
            arrays["delays"],
            dict(zip(keys, parts, strict=True)),
        )


def _note(totals: list[int], values: NDArray[np.int32]) -> None:
    known = values[values != ABSENT].astype(np.int64)
    for place, number in enumerate((len(known), known.sum(), (known * known).sum())):
        totals[place] += int(number)


def _bins(rows: NDArray[np.void]) -> Ints:
    return np.minimum(rows["confidence"].astype(np.int64) * BINS // MICRO, BINS - 1)


def _summed(cells: Ints, scores: Ints) -> Iterator[tuple[int, int, int]]:
    """Yield (cell, outcomes, sum of scores) of every cell that occurs."""
    flat, every = cells.ravel(), np.broadcast_to(scores, cells.shape).ravel()
    kept = flat >= 0
    numbers, places = np.unique(flat[kept], return_inverse=True)
    counts = np.bincount(places, minlength=len(numbers))
    sums = np.zeros(len(numbers), np.int64)
    np.add.at(sums, places, every[kept])
    yield from zip(numbers.tolist(), counts.tolist(), sums.tolist(), strict=True)
