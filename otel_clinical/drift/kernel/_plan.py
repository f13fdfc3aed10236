"""Everything the kernel needs to know about one model, with words as numbers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._batch import SEGMENTS
from otel_clinical.drift.kernel._bias import BiasDesign, calibration_thresholds
from otel_clinical.drift.kernel._chosen import Chosen
from otel_clinical.drift.kernel._design import StreamDesign, design_stream, strata_of, thresholds
from otel_clinical.drift.kernel._estimate import Curve
from otel_clinical.drift.kernel._feature_design import feature_threshold
from otel_clinical.drift.kernel._features import FeaturePlan
from otel_clinical.policy import ALL
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from otel_clinical.policy import Baseline, ModelPolicy, Policy
    from otel_clinical.semconv.enums import EscalationLevel

AGGREGATE: Final = (ALL, ALL)
"""(segment, value) of the aggregate."""
_DISPLAY_BUCKETS: Final = 60

SegmentKey = tuple[str, str]
"""(segment name, segment value)."""


class ModelPlan:
    """One model's streams and strata.

    Args:
        name: The model.
        model: Its policy.
        baseline: Its frozen reference.
        thresholds: Evidence thresholds by tier.
        calibration: Evidence threshold of the calibration.
        features: Evidence threshold of the input features.
        words: Number of every word.
        times: Widths and horizons of the policy, in microseconds.
    """

    def __init__(
        self,
        name: str,
        model: ModelPolicy,
        baseline: Baseline,
        *,
        thresholds: Mapping[EscalationLevel, float],
        calibration: float,
        features: float,
        words: Mapping[str, int],
        times: Times,
    ) -> None:
        self.name = name
        self.policy = model
        self.baseline = baseline
        self.times = times
        self.maturity = micros(model.labels.maturity)
        self.resolved = micros(model.overrides.resolved_after)
        self.bias = BiasDesign.of(model, baseline, calibration)
        # What confidences let expect is how often answers are right, of whatever class: no figure for other metrics.
        self.curve = Curve.of(baseline, comparable=model.metric.of_every_score)
        self._thresholds = thresholds
        self._designs: dict[SegmentKey, StreamDesign] = {}
        self._columns = {
            str(segment): (SEGMENTS.index(segment), {words[value]: value for value in sorted(values)})
            for segment, values in model.segments.items()
        }
        self._strata = self._strata_table(words)
        self.features = FeaturePlan(self, features)
        for declared in model.detectors:
            Chosen.fresh(declared)  # found now, at the start, and not at the first record

    @cached_property
    def segments(self) -> tuple[SegmentKey, ...]:
        """The aggregate and every declared segment value, sorted."""
        declared = [(name, value) for name, (_, values) in self._columns.items() for value in values.values()]
        return (AGGREGATE, *sorted(declared))

    @cached_property
    def known(self) -> frozenset[SegmentKey]:
        """The same, to ask about one."""
        return frozenset(self.segments)

    @cached_property
    def pairs(self) -> tuple[SegmentKey, ...]:
        """The values of declared pairs that the baseline has seen often enough to be a reference, sorted."""
        found = [
            (name, value)
            for name in self.policy.pair_names
            for value in self.baseline.values(name)
            if self.baseline.n(name, value) >= SMALL_CELL and self._declares(name, value)
        ]
        return tuple(sorted(found))

    @cached_property
    def _halves(self) -> tuple[tuple[SegmentKey, SegmentKey, SegmentKey], ...]:
        """Each pair with its two segment values."""
        found = []
        for name, value in self.pairs:
            one, other = zip(name.split(","), value.split(","), strict=True)
            found.append(((name, value), one, other))
        return tuple(found)

    def _declares(self, name: str, value: str) -> bool:
        parts = zip(name.split(","), value.split(","), strict=False)
        return all(part in self._columns[segment][1].values() for segment, part in parts)

    def values(self, segment: str) -> tuple[str, ...]:
        """Return the declared values of a segment, sorted."""
        return tuple(self._columns[segment][1].values())

    @property
    def names(self) -> tuple[str, ...]:
        """The declared segments."""
        return tuple(self._columns)

    def column(self, segment: str) -> int:
        """Return the column of a segment in a record's `segments`."""
        return self._columns[segment][0]

    def design(self, key: SegmentKey) -> StreamDesign:
        """Return what the outcomes of a segment value are tested against."""
        if key not in self._designs:
            self._designs[key] = design_stream(self.policy, self.baseline, self._thresholds, *key)
        return self._designs[key]

    def strata(self, rows: NDArray[np.void]) -> NDArray[np.intp]:
        """Return the stratum of each row."""
        if self.policy.standardise_by is None:
            return np.zeros(len(rows), np.intp)
        column, _ = self._columns[str(self.policy.standardise_by)]
        return np.asarray(self._strata[rows["segments"][:, column]])

    def split(self, rows: NDArray[np.void]) -> Iterator[tuple[SegmentKey, NDArray[np.intp]]]:
        """Yield (segment value, places of its rows) for every declared value that occurs, the aggregate first."""
        yield AGGREGATE, np.arange(len(rows))
        for name, (column, values) in self._columns.items():
            present = np.ascontiguousarray(rows["segments"][:, column])
            order = np.argsort(present, kind="stable")
            counts = np.bincount(present)
            ends = counts.cumsum()
            for word in np.flatnonzero(counts).tolist():
                if word in values:
                    yield (name, values[word]), order[ends[word] - counts[word] : ends[word]]

    def split_outcomes(self, rows: NDArray[np.void]) -> Iterator[tuple[SegmentKey, NDArray[np.intp]]]:
        """Yield what `split` yields, then the values of declared pairs that occur."""
        where = {}
        for key, chosen in self.split(rows):
            where[key] = chosen
            yield key, chosen
        for key, one, other in self._halves:
            if one in where and other in where:
                both = np.intersect1d(where[one], where[other], assume_unique=True)
                if len(both):
                    yield key, both

    def keys(self, segments: NDArray[np.uint16]) -> list[SegmentKey]:
        """Return the declared segment values and pairs of one record's `segments`, without the aggregate."""
        found = [
            (name, values[word])
            for name, (column, values) in self._columns.items()
            if (word := int(segments[column])) in values
        ]
        return [*found, *(key for key, one, other in self._halves if one in found and other in found)]

    def counts(self, segments: NDArray[np.uint16], segment: str) -> NDArray[np.int64]:
        """Return how many records have each value of a segment, by their columns `segments`."""
        column, values = self._columns[segment]
        found = np.bincount(segments[:, column], minlength=max(values) + 1)
        return np.asarray(found[list(values)])

    def _strata_table(self, words: Mapping[str, int]) -> NDArray[np.intp]:
        """Return the stratum of every word; words that are no stratum belong to the last, `_OTHER`."""
        strata = strata_of(self.policy)
        table = np.full(len(words), len(strata) - 1, np.intp)
        for place, stratum in enumerate(strata):
            if stratum in words:
                table[words[stratum]] = place
        return table


class Times:
    """The policy's widths and horizons, in microseconds, and how many outcomes can be amended."""

    def __init__(self, policy: Policy) -> None:
        drift = policy.drift
        self.slot = micros(drift.slot)
        self.lateness = micros(drift.lateness)
        self.window = micros(drift.window)
        self.retention = micros(drift.retention)
        self.amendable = drift.amendable
        self.hold = micros(drift.drift_hold)
        # A whole number of slots, so that a bucket never splits one.
        self.bucket = max(self.window // _DISPLAY_BUCKETS // self.slot, 1) * self.slot
        self.half = max(self.window // 2 // self.slot, 1) * self.slot


def make_plans(policy: Policy, baselines: Mapping[str, Baseline], words: Mapping[str, int]) -> dict[int, ModelPlan]:
    """Return the plan of every model by the number of its name.

    Raises:
        KeyError: A model has no baseline.
    """
    limits, calibration, times = thresholds(policy), calibration_thresholds(policy), Times(policy)
    features = feature_threshold(policy)
    return {
        words[name]: ModelPlan(
            name,
            model,
            baselines[name],
            thresholds=limits[name],
            calibration=calibration[name],
            features=features[name],
            words=words,
            times=times,
        )
        for name, model in policy.models.items()
    }


def part_of(rows: NDArray[np.void], chosen: NDArray[np.bool_]) -> NDArray[np.void]:
    """Return the chosen rows, to be read only: mostly they are all, and a copy is long."""
    return rows if chosen.all() else rows.compress(chosen)


def micros(seconds: float) -> int:
    """Return whole microseconds."""
    return round(seconds * 1e6)
