"""The frozen reference: how well the model did, per segment and stratum, when it was accepted."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from otel_clinical.semconv import AGGREGATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from otel_clinical.features import Feature
    from otel_clinical.policy._baseline_labels import LabelReference

ALL = AGGREGATE
"""Segment name and value of the aggregate, and the stratum of a model without strata."""
SCHEMA = 1
FIXED, PREVIOUS_VERSION, SAME_SEASON = "fixed", "previous_version", "same_season"
BASELINE_KINDS = (FIXED, PREVIOUS_VERSION, SAME_SEASON)
"""An accepted period; the version that served before, on the same cases; the same season of the last year."""
_SHRINK = 30.0
"""Pseudo-observations of the margins in a cell: 30 weigh as much as the cell's own first 30 labels."""

CellKey = tuple[str, str, str]
"""(segment name, segment value, stratum)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """`n` scored outcomes whose scores in [0, 1] add up to `sum`."""

    n: int
    sum: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of a signal in [0, 1] over the reference period."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class HourBlock:
    """What a feature was like in some hours of the week, 0 to 167; counts as those of `FeatureReference`."""

    hours: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FeatureReference:
    """Where the values of a feature lay in the reference period.

    `bins` is the digest of its bins; `cells` holds, by (segment name, segment value), the inferences in each bin, then
    those whose value was unreadable, then those without one. `hours` holds the same by hours of the week, where it is
    known when the inferences were.
    """

    bins: str
    cells: Mapping[tuple[str, str], tuple[int, ...]]
    hours: Mapping[tuple[str, str], tuple[HourBlock, ...]] = field(default_factory=dict)

    def fits(self, feature: Feature) -> bool:
        """Tell whether the counts are of the feature's own bins."""
        blocks = (block.counts for blocks in self.hours.values() for block in blocks)
        return self.bins == feature.digest and set(map(len, (*self.cells.values(), *blocks))) <= {feature.bins + 2}

    def as_dict(self) -> dict[str, Any]:
        """Return the file's content, cells sorted."""
        cells = [
            {"segment": name, "value": value, "counts": list(counts)}
            for (name, value), counts in sorted(self.cells.items())
        ]
        hours = [
            {"segment": name, "value": value, "hours": list(block.hours), "counts": list(block.counts)}
            for (name, value), blocks in sorted(self.hours.items())
            for block in blocks
        ]
        return {"bins": self.bins, "cells": cells} | ({"hours": hours} if hours else {})


@dataclass(frozen=True)
class Baseline:
    """What the performance was; every question about "before" is answered here.

    `since` and `until` are the first and last event time in unix seconds (`from` and `to` in the file).
    `reference` holds optional histograms: per signal `edges` (k+1 numbers), `counts` (k) and, for the
    confidence, `sums` of the score per bin (k). `labels` is there where it is known when the outcomes came.
    `kind` is one of `BASELINE_KINDS`.
    """

    model: str
    version: str | None
    metric: str
    cells: Mapping[CellKey, Cell]
    created_at: float = 0.0
    since: float = 0.0
    until: float = 0.0
    confidence: Spread | None = None
    quality: Spread | None = None
    reference: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)
    features: Mapping[str, FeatureReference] = field(default_factory=dict)
    labels: LabelReference | None = None
    kind: str = FIXED

    def n(self, segment: str = ALL, value: str = ALL) -> int:
        """Return how many outcomes the reference holds for a segment value."""
        return self._margins.get((segment, value), Cell(0, 0.0)).n

    def ratio(self, segment: str = ALL, value: str = ALL) -> float:
        """Return the mean score of a segment value, shrunk to the aggregate when it has few labels."""
        total = self._margins[ALL, ALL]
        overall = total.sum / total.n
        margin = self._margins.get((segment, value))
        if margin is None or (segment, value) == (ALL, ALL):
            return overall
        return (margin.sum + _SHRINK * overall) / (margin.n + _SHRINK)

    def expected(self, segment: str = ALL, value: str = ALL, stratum: str = ALL) -> float:
        """Return the expected score of one observation in a segment value and stratum.

        A thin cell leans on its margins: the segment's ratio times the stratum's own factor.
        """
        prior = self.ratio(segment, value)
        if (segment, value) != (ALL, ALL):
            prior = min(prior * self._stratum_factor(stratum), 1.0)
        cell = self.cells.get((segment, value, stratum))
        if cell is None:
            return prior
        return (cell.sum + _SHRINK * prior) / (cell.n + _SHRINK)

    def lower(self, segment: str = ALL, value: str = ALL, alpha: float = 0.01) -> float:
        """Return the one-sided lower confidence bound of `ratio` at level 1 - `alpha`.

        Wilson's bound; valid for any score in [0, 1], whose variance is at most p(1 - p). A value that the
        reference never saw counts as having the pseudo-observations of the aggregate only.
        """
        n = max(float(self.n(segment, value)), _SHRINK)
        p = self.ratio(segment, value)
        z = NormalDist().inv_cdf(1.0 - alpha)
        centre = p + z * z / (2 * n)
        margin = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max((centre - margin) / (1 + z * z / n), 0.0)

    def weights(self) -> dict[str, float]:
        """Return the mix of strata in the reference; the shares sum to 1."""
        total = self.n()
        return {stratum: self.cells[ALL, ALL, stratum].n / total for stratum in self.strata}

    @cached_property
    def strata(self) -> tuple[str, ...]:
        """Return the strata that the aggregate was seen in, sorted."""
        return tuple(sorted(s for (name, _, s), cell in self.cells.items() if name == ALL and cell.n))

    def values(self, segment: str) -> tuple[str, ...]:
        """Return the values of a segment that the reference holds, sorted."""
        return tuple(sorted(value for name, value in self._margins if name == segment))

    @cached_property
    def hash(self) -> str:
        """Return `sha256:…` of the canonical content."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _margins(self) -> dict[tuple[str, str], Cell]:
        margins: dict[tuple[str, str], Cell] = {}
        for (name, value, _), cell in self.cells.items():
            known = margins.get((name, value), Cell(0, 0.0))
            margins[name, value] = Cell(known.n + cell.n, known.sum + cell.sum)
        return margins

    def _stratum_factor(self, stratum: str) -> float:
        overall = self.ratio()
        return self.expected(ALL, ALL, stratum) / overall if overall > 0 else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return the file's content, cells sorted."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "model": self.model,
            "version": self.version,
            "metric": self.metric,
            "created_at": self.created_at,
            "from": self.since,
            "to": self.until,
            "cells": [
                {"segment": name, "value": value, "stratum": stratum, "n": cell.n, "sum": round(cell.sum, 6)}
                for (name, value, stratum), cell in sorted(self.cells.items())
            ],
        }
        for signal in ("confidence", "quality"):
            spread: Spread | None = getattr(self, signal)
            content[signal] = None if spread is None else {"mean": spread.mean, "sd": spread.sd}
        content["reference"] = {name: dict(histogram) for name, histogram in sorted(self.reference.items())}
        if self.features:  # a baseline of before keeps its hash
            content["features"] = {name: feature.as_dict() for name, feature in sorted(self.features.items())}
        if self.kind != FIXED:
            content["kind"] = self.kind
        if self.labels is not None:
            content["labels"] = self.labels.as_dict()
        return content

    def dumps(self) -> str:
        """Return the file's text: one cell a line, so that a diff shows what moved."""
        content = self.as_dict()
        cells = ",\n    ".join(json.dumps(cell) for cell in content.pop("cells"))
        features = ",\n    ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in content.pop("features", {}).items())
        head = json.dumps(content, indent=2)[:-2]
        if features:
            head += f',\n  "features": {{\n    {features}\n  }}'
        return head + f',\n  "cells": [\n    {cells}\n  ]\n}}\n'

    def save(self, path: Path) -> None:
        """Write the baseline to `path`."""
        path.write_text(self.dumps(), encoding="utf-8")
