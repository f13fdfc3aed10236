"""The input features of one activation: records become bins, bins become rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._batch import ABSENT, MICRO
from otel_clinical.drift.kernel._feature_design import ASPECTS, design_features
from otel_clinical.drift.kernel._feature_hours import PLACES
from otel_clinical.drift.kernel._feature_stream import FeatureStream
from otel_clinical.drift.kernel._rows import DriftDetected, DriftRow, FeatureMoved, FeatureRow
from otel_clinical.policy import CONFIDENCE
from otel_clinical.semconv.enums import DriftDetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._feature_design import FeatureDesign
    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey

    Ints = NDArray[np.int64]
    Places = NDArray[np.intp]

PREFIX: Final = "feature:"
"""In front of a feature's name where it stands among other signals."""
_EDGES: Final = np.array([round(edge * MICRO) for edge in CONFIDENCE.edges], np.int64)


class FeaturePlan:
    """The features of one model, with the design of each segment value made once.

    Args:
        plan: The model.
        threshold: Evidence that is proof.
    """

    def __init__(self, plan: ModelPlan, threshold: float) -> None:
        self._plan = plan
        self._threshold = threshold
        self._declared = len(plan.policy.features)
        self._designs: dict[SegmentKey, FeatureDesign] = {}

    def design(self, key: SegmentKey) -> FeatureDesign:
        """Return what the features of a segment value are tested against."""
        if key not in self._designs:
            self._designs[key] = design_features(self._plan.policy, self._plan.baseline, key, self._threshold)
        return self._designs[key]

    def counts(self, rows: NDArray[np.void], split: Iterable[tuple[SegmentKey, Places]]) -> Iterator[Ints]:
        """Yield the (f, PLACES) counts of every segment value into which the rows are `split`."""
        size = self._declared + 1
        places = np.empty((len(rows), size), np.int64)
        places[:, :-1] = rows["features"][:, : self._declared]
        confidence = rows["confidence"]
        places[:, -1] = np.where(confidence == ABSENT, PLACES, np.searchsorted(_EDGES, confidence, side="right"))
        # Whatever is no place, because nothing was said of it, goes into a bin behind all others.
        flat = np.where(places < PLACES, places + PLACES * np.arange(size), PLACES * size)
        for _, chosen in split:
            found = np.bincount(flat[chosen].ravel(), minlength=PLACES * size + 1)
            yield found[:-1].reshape(size, PLACES)


class Features:
    """State of the features of one (model, version, activation).

    Args:
        plan: The model.
        version: The version.
    """

    def __init__(self, plan: ModelPlan, version: str) -> None:
        self._plan = plan
        self._version = version
        self.streams: dict[SegmentKey, FeatureStream] = {}
        self.looked: list[tuple[int, SegmentKey, Ints]] = []
        """Begin, place and counts of every look of the last slot."""
        self.slotted: list[tuple[SegmentKey, Ints]] = []
        """Place and counts of the last slot, where the hours are recorded."""
        self._shown: dict[SegmentKey, tuple[int, list[FeatureRow]]] = {}

    def stream(self, key: SegmentKey) -> FeatureStream:
        """Return the stream of a segment value."""
        if key not in self.streams:
            self.streams[key] = FeatureStream(self._plan.features.design(key))
        return self.streams[key]

    def feed(
        self, rows: NDArray[np.void], split: Sequence[tuple[SegmentKey, Places]], end: int
    ) -> Iterator[tuple[SegmentKey, list[DriftDetected | FeatureMoved]]]:
        """Take one slot's inferences; yield every segment value into which they are `split`, with what moved in it."""
        self.looked, self.slotted = [], []
        by_hour = self._plan.policy.input_drift.by_hour
        for (key, _), counts in zip(split, self._plan.features.counts(rows, split), strict=True):
            stream = self.stream(key)
            if by_hour:
                self.slotted.append((key, counts))
            moved = stream.feed(counts, end - self._plan.times.slot, end)
            if stream.looked is not None:
                self.looked.append((stream.looked[0], key, stream.looked[1]))
            found: list[DriftDetected | FeatureMoved] = [
                DriftDetected(end / 1e6, self._witness_row(key, stream, place, end)) for place in moved.witnessed
            ]
            if moved.proved:
                rows_now = self._feature_rows(key, stream)
                found += [FeatureMoved(end / 1e6, rows_now[place]) for place in moved.proved]
            yield key, found

    def rows(self) -> Iterator[FeatureRow]:
        """Yield every feature of every stream, sorted by segment."""
        for key, stream in sorted(self.streams.items()):
            yield from self._feature_rows(key, stream)

    def witnesses(self, now: int) -> Iterator[DriftRow]:
        """Yield ADWIN of every numeric feature."""
        for key, stream in self.streams.items():
            for place in stream.witnesses:
                yield self._witness_row(key, stream, place, now)

    def _feature_rows(self, key: SegmentKey, stream: FeatureStream) -> list[FeatureRow]:
        """Return the rows of one stream, calculated anew after a look only: there is one an hour."""
        if key not in self._shown or self._shown[key][0] != stream.looks:
            self._shown[key] = stream.looks, list(self._made_rows(key, stream))
        return self._shown[key][1]

    def _made_rows(self, key: SegmentKey, stream: FeatureStream) -> Iterator[FeatureRow]:
        evidence = stream.evidence().tolist()
        for place, feature in enumerate(stream.design.features):
            since = int(stream.proved[place])
            yield FeatureRow(
                model=self._plan.name,
                version=self._version,
                segment=key[0],
                value=key[1],
                feature=feature.name,
                tested=bool(stream.design.tested[place]),
                evidence=dict(zip(ASPECTS, evidence[place], strict=True)),
                moved=float(stream.moved[place]),
                psi=float(stream.psi[place]),
                shift=float(stream.shift[place]),
                inferences=stream.seen,
                proved=since / 1e6 if since else None,
            )

    def _witness_row(self, key: SegmentKey, stream: FeatureStream, place: int, now: int) -> DriftRow:
        detected = int(stream.detected[place])
        return DriftRow(
            self._plan.name,
            self._version,
            *key,
            PREFIX + stream.design.features[place].name,
            DriftDetector.ADWIN,
            bool(detected) and now - detected < self._plan.times.hold,
            float(stream.shift[place]),
            int(stream.detections[place]),
            detected / 1e6 if detected else None,
        )
