"""Whether the confidence of one stream means what it says: sums of (confidence, score) pairs, and the proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import holds, pack, unpack
from otel_clinical.drift.detectors import sr_paths
from otel_clinical.drift.explode._batch import MICRO
from otel_clinical.drift.kernel._bias import BiasTest
from otel_clinical.drift.kernel._rows import CalibrationRow, ReliabilityBin
from otel_clinical.semconv import AGGREGATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._bias import BiasDesign
    from otel_clinical.drift.kernel._side_by_side import Table

    Ints = NDArray[np.int64]

BINS: Final = 10
_KIND, _VERSION = "calibration", 1


@dataclass(frozen=True, eq=False)
class Pairs:
    """Confidences and scores of one slot's outcomes, with everything of them that is the same in all their streams.

    Attributes:
        confidences: (n,) millionths.
        scores: (n,) millionths.
        bins: (n,) the bin of each confidence.
        squares: (n,) millionths squared.
        growth: (n, bets) as `BiasDesign.growth` returns it.
    """

    confidences: Ints
    scores: Ints
    bins: Ints
    squares: Ints
    growth: NDArray[np.float64]

    @classmethod
    def of(cls, design: BiasDesign, confidences: Ints, scores: Ints) -> Pairs:
        """Return pairs that are tested against a design."""
        squares = (confidences - scores) ** 2
        return cls(confidences, scores, _bins(confidences), squares, design.growth(confidences, scores))

    def sums(self, cells: Ints, chosen: NDArray[np.intp], size: int) -> Ints:
        """Return (3, size) numbers, sums of confidences, sums of scores of the chosen pairs by their `cells`."""
        # Whole numbers, however they are added, as long as they are far below 2**53.
        added = (np.bincount(cells, numbers[chosen], size) for numbers in (self.confidences, self.scores))
        return np.array([np.bincount(cells, minlength=size), *added], np.int64)


@dataclass
class Calibration:
    """Calibration of one (model, version, activation, segment, value) since the activation began.

    All sums are whole numbers, so any order of the same pairs gives the same bytes.

    Attributes:
        test: Its evidence.
        labels: Outcomes that carried a confidence.
        squares: Sum of (confidence - score)^2, in millionths squared.
        bins: (3, 10) outcomes, sum of confidences, sum of scores by confidence.
    """

    test: BiasTest
    labels: int = 0
    squares: int = 0
    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros((3, BINS), np.int64))

    @classmethod
    def fresh(cls, design: BiasDesign) -> Calibration:
        """Return the state before the first outcome."""
        return cls(BiasTest(design))

    def feed(self, pairs: Pairs, chosen: NDArray[np.intp], end: int) -> None:
        """Take the pairs at some places, at least one, in order; `end` is the end of their slot, microseconds."""
        self.count(pairs.sums(pairs.bins[chosen], chosen, BINS), int(pairs.squares[chosen].sum()))
        self.test.take(pairs.growth[chosen], end)

    def count(self, bins: Ints, squares: int) -> None:
        """Add pairs to the sums; `bins` as here, of them alone."""
        self.bins += bins
        self.labels += int(bins[0].sum())
        self.squares += squares

    def correct(self, confidences: Ints, before: Ints, after: Ints, charged: Ints) -> None:
        """Let outcomes that were counted at `charged` have the scores `after` instead of `before`, millionths.

        Sums become what they would have been; the evidence never grows by it.
        """
        np.add.at(self.bins[2], _bins(confidences), after - before)
        self.squares += int(((confidences - after) ** 2 - (confidences - before) ** 2).sum())
        self.test.correct(confidences, before, after, charged)

    def row(self, model: str, version: str, key: tuple[str, str]) -> CalibrationRow:
        """Return what is known; the bins of the whole alone, since nobody looks at those of a segment."""
        counts, confidences, scores = self.bins.tolist()
        n = max(self.labels, 1)
        high, low = self.test.evidence()
        gaps = sum(abs(c - s) for c, s in zip(confidences, scores, strict=True))
        return CalibrationRow(
            model=model,
            version=version,
            segment=key[0],
            value=key[1],
            labels=self.labels,
            bias=(sum(confidences) - sum(scores)) / n / MICRO,
            brier=self.squares / n / MICRO**2,
            error=gaps / n / MICRO,
            overconfident=high,
            underconfident=low,
            bins=tuple(
                ReliabilityBin(place / BINS, (place + 1) / BINS, count, c / count / MICRO, s / count / MICRO)
                for place, (count, c, s) in enumerate(zip(counts, confidences, scores, strict=True))
                if count and key[0] == AGGREGATE
            ),
        )

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "design": self.test.design.digest,
            "labels": self.labels,
            "squares": self.squares,
            "settled": self.test.settled,
        }
        return pack(_KIND, _VERSION, meta, {"bins": self.bins, **self.test.arrays()})

    @staticmethod
    def goes_on(data: bytes, design: BiasDesign) -> bool:
        """Say whether `loads` would take over `data` under this design; False if that is not certain."""
        return holds(data, _KIND, _VERSION, design.digest)

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if it was tested against something else.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        if meta["design"] != self.test.design.digest:
            return False
        self.labels, self.squares = meta["labels"], meta["squares"]
        self.bins = arrays["bins"]
        self.test.restore(arrays, meta.get("settled"))
        return True


def feed_calibrations(streams: Sequence[Calibration], pairs: Pairs, table: Table, end: int) -> None:
    """Do what `Calibration.feed` does for several streams, one for each line of the table, bit for bit."""
    growth = pairs.growth.take(table.places, axis=0)
    growth[~table.there] = 0.0
    path, near = sr_paths(np.array([stream.test.log_s.ravel() for stream in streams]), growth, table.there)
    latest, grown = path[table.lines, table.last], growth.sum(axis=1)
    chosen = table.places[table.there]
    cells = (pairs.bins[table.places] + BINS * table.lines[:, None])[table.there]
    bins = pairs.sums(cells, chosen, BINS * len(streams)).reshape(3, len(streams), BINS)
    squares = np.where(table.there, pairs.squares[table.places], 0).sum(axis=1).tolist()
    for line, stream in enumerate(streams):
        stream.count(bins[:, line], squares[line])
        if near[line]:
            stream.test.conclude(latest[line], grown[line], end)
        else:
            stream.test.take(growth[line, : table.sizes[line]], end)


def _bins(confidences: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.minimum(confidences * BINS // MICRO, BINS - 1)
