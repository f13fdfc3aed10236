"""Count outcomes into a baseline."""

from __future__ import annotations

import hashlib
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from otel_clinical.features import FeatureSet
from otel_clinical.policy._baseline import ALL, Baseline, Cell, CellKey, Spread
from otel_clinical.policy._baseline_features import CONFIDENCE, FeatureCounts
from otel_clinical.policy._baseline_hours import SAME_HOUR
from otel_clinical.policy._baseline_labels import LabelCounts
from otel_clinical.policy._names import is_segment_value
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_clinical.policy._schema import ModelPolicy

_BINS = 20
_MOST_FOUND = 20_000
"""Values of open segments by stratum. No segment has as many; a column of identifiers has."""


class BaselineBuilder:
    """Add scored outcomes one at a time; the order does not matter.

    `segments` are the declared values: others become `_OTHER`, segments not named are left out. `pairs` are names of
    two segments, joined by a comma. With `hours`, features are counted by the hour of the week of `at` as well.

    >>> builder = BaselineBuilder("coding", segments={"payer": ("medicaid", "medicare")})
    >>> for score in (1.0, 1.0, 0.0, 1.0):
    ...     builder.add({"payer": "medicaid"}, score, confidence=0.8)
    >>> builder.build().n("payer", "medicaid")
    4
    """

    def __init__(
        self,
        model: str,
        *,
        segments: Mapping[str, tuple[str, ...]],
        pairs: Sequence[str] = (),
        open_segments: Mapping[str, int] = MappingProxyType({}),
        standardise_by: str | None = None,
        version: str | None = None,
        metric: str = "accuracy",
        features: FeatureSet | None = None,
        hours: bool = False,
    ) -> None:
        self._head = (model, version, metric)
        self._declared = {str(name): frozenset(values) for name, values in segments.items()}
        self._pairs = tuple(pairs)
        self._open = dict(open_segments)
        self._found: dict[CellKey, list[float]] = {}
        self._standardise_by = standardise_by
        self._cells: dict[CellKey, list[float]] = {}
        self._signals: dict[str, list[float]] = {"confidence": [0, 0.0, 0.0], "quality": [0, 0.0, 0.0]}
        self._counts = [0.0] * _BINS
        self._sums = [0.0] * _BINS
        self._encounters: set[bytes] = set()
        self._times = (math.inf, -math.inf)
        self._features = FeatureCounts(features or FeatureSet(()))
        self._hours = hours
        self._labels = LabelCounts()

    @classmethod
    def for_model(cls, name: str, model: ModelPolicy, version: str | None = None) -> BaselineBuilder:
        """Return a builder with the segments, strata and metric that the policy declares for a model."""
        return cls(
            name,
            segments={segment.value: values for segment, values in model.segments.items()},
            pairs=model.pair_names,
            open_segments={name.value: one.top for name, one in model.open_segments.items()},
            standardise_by=None if model.standardise_by is None else model.standardise_by.value,
            version=version,
            metric=model.metric.name,
            features=model.feature_set,
            hours=model.input_drift.reference == SAME_HOUR,
        )

    def add(
        self,
        segments: Mapping[str, str],
        score: float,
        *,
        confidence: float | None = None,
        quality: float | None = None,
        at: float | None = None,
        known: float | None = None,
        counts: bool = True,
        encounter: str | None = None,
        features: Mapping[str, object] | None = None,
    ) -> None:
        """Count one outcome: `score` in [0, 1], 1 = right; `at` is its event time in unix seconds.

        `known` is when it was known, in unix seconds: the baseline then says how many came a day, and how late.
        With `counts` false it is of a class that the metric leaves out, and tells about confidence and quality only.
        Of several outcomes of one `encounter` the first is counted; a digest of its name is kept, and only in memory.
        Of `features` that are declared, the bin of the value counts, None as missing.

        Raises:
            ValueError: a number is not finite or outside [0, 1].
        """
        _check_unit("score", score)
        if encounter is not None and self._met(encounter, counts=counts):
            return
        if counts:
            self._count_everywhere(segments, score)
        if confidence is not None:
            self._signal("confidence", confidence)
            place = min(int(confidence * _BINS), _BINS - 1)
            self._counts[place] += 1
            self._sums[place] += score
        if quality is not None:
            self._signal("quality", quality)
        watched = dict(features or {}) if confidence is None else {**(features or {}), CONFIDENCE.name: confidence}
        values = [(name, self._value(name, segments)) for name in self._declared]
        self._features.add(watched, values, at if self._hours else None)
        if at is not None:
            self._times = (min(self._times[0], at), max(self._times[1], at))
        if at is not None and known is not None and counts:
            self._labels.add(known - at)

    def build(self, created_at: float = 0.0) -> Baseline:
        """Return the frozen baseline; raise `ValueError` when nothing was added."""
        if not self._cells:
            raise ValueError("a baseline needs at least one outcome; none was added")
        model, version, metric = self._head
        since, until = self._times if self._times[0] <= self._times[1] else (0.0, 0.0)
        return Baseline(
            model=model,
            version=version,
            metric=metric,
            cells={key: Cell(int(n), total) for key, (n, total) in self._with_open().items()},
            created_at=created_at,
            since=since,
            until=until,
            confidence=self._spread("confidence"),
            quality=self._spread("quality"),
            reference=self._reference(),
            features=self._features.build(),
            labels=self._labels.build(until - since),
        )

    def _met(self, encounter: str, *, counts: bool) -> bool:
        """Say whether an outcome of the encounter was counted before, and remember it."""
        key = hashlib.blake2b(encounter.encode(), digest_size=8, key=b"counts" if counts else b"").digest()
        known = key in self._encounters
        self._encounters.add(key)
        return known

    def _count_everywhere(self, segments: Mapping[str, str], score: float) -> None:
        stratum = self._value(self._standardise_by, segments) if self._standardise_by else ALL
        self._count((ALL, ALL, stratum), score)
        for name in self._declared:
            self._count((name, self._value(name, segments), stratum), score)
        for name in self._open:
            self._count_open(name, segments.get(name, OTHER), stratum, score)
        for pair in self._pairs:
            values = [self._value(name, segments) for name in pair.split(",")]
            if OTHER not in values:
                self._count((pair, ",".join(values), stratum), score)

    def _count_open(self, name: str, value: str, stratum: str, score: float) -> None:
        word = value if is_segment_value(value) else OTHER
        cell = self._found.setdefault((name, word, stratum), [0, 0.0])
        cell[0] += 1
        cell[1] += score
        if len(self._found) > _MOST_FOUND:
            raise ValueError(f"open segment {name} has more values than a segment can: is it an identifier?")

    def _with_open(self) -> dict[CellKey, list[float]]:
        """Return the cells with the most frequent values of open segments; all others of them become `_OTHER`."""
        cells = {key: list(cell) for key, cell in self._cells.items()}
        sizes: dict[tuple[str, str], float] = {}
        for (name, value, _), cell in self._found.items():
            sizes[name, value] = sizes.get((name, value), 0) + cell[0]
        for name, top in self._open.items():
            known = [(-n, value) for (of, value), n in sizes.items() if of == name and value != OTHER]
            kept = {value for n, value in sorted(known)[:top] if -n >= SMALL_CELL}
            for (of, value, stratum), (n, total) in sorted(self._found.items()):
                if of == name:
                    cell = cells.setdefault((name, value if value in kept else OTHER, stratum), [0, 0.0])
                    cell[0], cell[1] = cell[0] + n, cell[1] + total
        return cells

    def _value(self, name: str, segments: Mapping[str, str]) -> str:
        value = segments.get(name, OTHER)
        return value if value in self._declared.get(name, frozenset()) else OTHER

    def _count(self, key: CellKey, score: float) -> None:
        cell = self._cells.setdefault(key, [0, 0.0])
        cell[0] += 1
        cell[1] += score

    def _signal(self, name: str, value: float) -> None:
        _check_unit(name, value)
        state = self._signals[name]
        # Welford: exact enough for 1e9 values of equal size, where a sum of squares is not.
        state[0] += 1
        delta = value - state[1]
        state[1] += delta / state[0]
        state[2] += delta * (value - state[1])

    def _spread(self, name: str) -> Spread | None:
        n, mean, squares = self._signals[name]
        return Spread(mean, math.sqrt(squares / (n - 1))) if n > 1 else None

    def _reference(self) -> dict[str, dict[str, list[float]]]:
        if not sum(self._counts):
            return {}
        edges = [i / _BINS for i in range(_BINS + 1)]
        return {"confidence": {"edges": edges, "counts": list(self._counts), "sums": list(self._sums)}}


def _check_unit(name: str, value: float) -> None:
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"{name} is {value!r}, expected a number from 0 to 1")
