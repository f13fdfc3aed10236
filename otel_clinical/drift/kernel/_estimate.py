"""Performance without labels: what recent confidences let expect, and whether that may be believed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.drift.kernel._bias import BiasTest
from otel_clinical.drift.kernel._rows import EstimateRow
from otel_clinical.semconv.enums import EstimateValidity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._bias import BiasDesign
    from otel_clinical.drift.kernel._charged import Amendments
    from otel_clinical.policy import Baseline

    Ints = NDArray[np.int64]

_LEAN: Final = 10.0  # pseudo-observations of the whole reference in a bin of its curve
_ENOUGH: Final = 200  # outcomes with a confidence that a reference needs for a curve
_SUPPORT: Final = 30  # outcomes of the reference below which a bin says nothing about itself
_OUTSIDE: Final = 0.05  # share of recent inferences that may lie in such bins
_KIND, _VERSION = "estimate", 1


@dataclass(frozen=True, eq=False)
class Curve:
    """The reliability curve of the frozen baseline: how often it was right at each confidence.

    Attributes:
        edges: (k + 1,) millionths, rising.
        expected: (k,) expected score, millionths.
        supported: (k,) whether the reference saw enough of the bin.
        usable: Whether the reference has a curve at all.
        digest: Of all of it.
    """

    edges: Ints
    expected: Ints
    supported: NDArray[np.bool_]
    usable: bool
    digest: str

    @classmethod
    def of(cls, baseline: Baseline, *, comparable: bool = True) -> Curve:
        """Return the curve of a baseline; unusable without enough outcomes that carried a confidence.

        `comparable` says whether the metric is the mean of every score, which is all that a confidence can foretell.
        """
        histogram = baseline.reference.get("confidence", {})
        counts = np.array(histogram.get("counts", [0.0]))
        sums = np.array(histogram.get("sums", [0.0] * len(counts)))
        edges = np.array(histogram.get("edges", [0.0, 1.0]))
        usable = "sums" in histogram and len(sums) == len(counts) and counts.sum() >= _ENOUGH
        usable = comparable and usable and bool((np.diff(edges) > 0).all())
        if not usable:
            counts, sums, edges = np.zeros(1), np.zeros(1), np.array([0.0, 1.0])
        expected = (sums + _LEAN * baseline.ratio()) / (counts + _LEAN)
        whole = np.rint(edges * MICRO).astype(np.int64), np.rint(expected * MICRO).astype(np.int64)
        digest = hashlib.blake2b(whole[0].tobytes() + whole[1].tobytes(), digest_size=16).hexdigest()
        return cls(*whole, counts >= _SUPPORT, usable, digest)

    def places(self, confidences: NDArray[np.int32]) -> NDArray[np.intp]:
        """Return the bin of each confidence (millionths); what lies outside belongs to the first or last."""
        return np.clip(np.searchsorted(self.edges, confidences, side="right") - 1, 0, len(self.expected) - 1)


@dataclass
class Estimate:
    """Estimated performance of one (model, version, activation) as a whole.

    The idea of confidence-based performance estimation: the mean, over inferences that have no outcome yet, of how
    often the reference was right at their confidence. It follows a change of the cases, and is blind to a change of
    what is right; the outcomes that do arrive test the curve itself.

    Attributes:
        curve: Of the frozen baseline.
        test: Of the curve's expectation against the outcomes.
        width: Of a bucket, microseconds.
        minimum: Inferences, and outcomes, below which the estimate is not valid.
        labels: Outcomes that tested the curve.
        labelled: Effective time of the newest, microseconds.
        buckets: (2, k) inferences and outcomes by the start of the inferences' bucket.
    """

    curve: Curve
    test: BiasTest
    width: int
    minimum: int
    labels: int = 0
    labelled: int = 0
    buckets: dict[int, Ints] = field(default_factory=dict)

    @classmethod
    def fresh(cls, curve: Curve, design: BiasDesign, width: int, minimum: int) -> Estimate:
        """Return the state before the first record."""
        return cls(curve, BiasTest(design), width, minimum)

    def infer(self, rows: NDArray[np.void]) -> bool:
        """Count completed inferences; say whether any carried a confidence."""
        sure = (rows["confidence"] != ABSENT) & (rows["mark"] == 1)
        self._count(rows["inferred"][sure], rows["confidence"][sure], 0)
        return bool(sure.any())

    def label(self, rows: NDArray[np.void], end: int) -> bool:
        """Count one slot's scored outcomes, in order, and test the curve; say whether any carried a confidence.

        `end` is the end of the slot, microseconds.
        """
        rows = rows.compress(rows["confidence"] != ABSENT)
        if not len(rows):
            return False
        self._count(rows["inferred"], rows["confidence"], 1)
        self.labels += len(rows)
        self.labelled = max(self.labelled, int(rows["effective"].max()))
        if self.curve.usable:
            expected = self.curve.expected[self.curve.places(rows["confidence"])]
            self.test.feed(expected, rows["score"].astype(np.int64), end)
        return True

    def correct(self, amendments: Amendments) -> bool:
        """Let outcomes that tested the curve say what they say now; say whether any did."""
        if not self.curve.usable:
            return False
        rows = amendments.rows
        expected = self.curve.expected[self.curve.places(rows["confidence"])]
        self.test.correct(expected, amendments.was, rows["score"].astype(np.int64), amendments.charged)
        return True

    def forget(self, since: int) -> None:
        """Drop the buckets that end at or before `since` (microseconds)."""
        for start in [start for start in self.buckets if start + self.width <= since]:
            del self.buckets[start]

    def row(self, model: str, version: str, *, now: int, window: int) -> EstimateRow:
        """Return the estimate over inferences of the last `window` before `now`, microseconds."""
        kept = [counts for start, counts in self.buckets.items() if start + self.width > now - window]
        without = sum((np.maximum(one[0] - one[1], 0) for one in kept), np.zeros(len(self.curve.expected), np.int64))
        n = int(without.sum())
        expected = int((without * self.curve.expected).sum())
        validity = self._validity(without, n, now - window)
        usable = self.curve.usable and n > 0
        return EstimateRow(model, version, expected / n / MICRO if usable else None, n, validity)

    def _validity(self, without: Ints, n: int, since: int) -> EstimateValidity:
        """Return whether the estimate may be believed, or the first reason why not."""
        if not self.curve.usable:
            return EstimateValidity.NO_REFERENCE
        if max(self.test.evidence()) >= 1.0:
            return EstimateValidity.MISCALIBRATED
        if self.labels < self.minimum or self.labelled <= since:
            return EstimateValidity.UNVERIFIED
        if n < self.minimum:
            return EstimateValidity.FEW_INFERENCES
        if int(without[~self.curve.supported].sum()) > _OUTSIDE * n:
            return EstimateValidity.OUTSIDE_REFERENCE
        return EstimateValidity.VALID

    def _count(self, inferred: Ints, confidence: NDArray[np.int32], column: int) -> None:
        starts = inferred - inferred % self.width
        places = self.curve.places(confidence)
        for start in np.unique(starts).tolist():
            bucket = self.buckets.setdefault(start, np.zeros((2, len(self.curve.expected)), np.int64))
            bucket[column] += np.bincount(places[starts == start], minlength=len(self.curve.expected))

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        starts = sorted(self.buckets)
        meta = {
            "design": self.test.design.digest,
            "curve": self.curve.digest,
            "width": self.width,
            "labels": self.labels,
            "labelled": self.labelled,
            "starts": starts,
            "settled": self.test.settled,
        }
        rows = np.vstack([self.buckets[start] for start in starts]) if starts else np.zeros((0, 1), np.int64)
        return pack(_KIND, _VERSION, meta, {"counts": rows, **self.test.arrays()})

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if curve, test or buckets were others.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        if (meta["design"], meta["curve"], meta["width"]) != (self.test.design.digest, self.curve.digest, self.width):
            return False
        self.labels, self.labelled = meta["labels"], meta["labelled"]
        self.test.restore(arrays, meta.get("settled"))
        self.buckets = {start: arrays["counts"][2 * i : 2 * i + 2] for i, start in enumerate(meta["starts"])}
        return True
