"""Whether the confidence of one stream means what it says: sums of (confidence, score) pairs, and the proof."""

from __future__ import annotations

import operator
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
    """Calibration of one (model, version, activation, segment, value) since the activation began, and lately.

    All sums are whole numbers, so any order of the same pairs gives the same bytes. Time is cut into spans of `span`
    microseconds, whole numbers of slots; what came lately is what came in the present span and the one before it.

    Attributes:
        test: Its evidence.
        span: Half of the display window.
        labels: Outcomes that carried a confidence.
        squares: Sum of (confidence - score)^2, in millionths squared.
        bins: (3, 10) outcomes, sum of confidences, sum of scores by confidence.
        place: Number of the span of the newest outcome; -1 before the first.
        marks: (2, 3, 10) the bins when the span before that one began, and when it began.
        mark_squares: The squares at the same moments.
        corrections: How often outcomes were corrected since this object was made; tells a page that it is out of date.
    """

    test: BiasTest
    span: int
    labels: int = 0
    squares: int = 0
    bins: Ints = field(default_factory=lambda: np.zeros((3, BINS), np.int64))
    place: int = -1
    marks: Ints = field(default_factory=lambda: np.zeros((2, 3, BINS), np.int64))
    mark_squares: list[int] = field(default_factory=lambda: [0, 0])
    corrections: int = field(default=0, compare=False)

    @classmethod
    def fresh(cls, design: BiasDesign, span: int) -> Calibration:
        """Return the state before the first outcome."""
        return cls(BiasTest(design), span)

    def feed(self, pairs: Pairs, chosen: NDArray[np.intp], end: int) -> None:
        """Take the pairs at some places, at least one, in order; `end` is the end of their slot, microseconds."""
        self.count(pairs.sums(pairs.bins[chosen], chosen, BINS), int(pairs.squares[chosen].sum()), end)
        self.test.take(pairs.growth[chosen], end)

    def count(self, bins: Ints, squares: int, end: int) -> None:
        """Add pairs of the slot that ends at `end` to the sums; `bins` as here, of them alone."""
        place = (end - 1) // self.span
        if place != self.place:
            self._turn(place)
        self.bins += bins
        self.labels += int(bins[0].sum())
        self.squares += squares

    def _turn(self, place: int) -> None:
        """Remember the sums at the beginning of another span."""
        if self.place >= 0:
            next_one = place == self.place + 1
            self.marks[0] = self.marks[1] if next_one else self.bins
            self.mark_squares[0] = self.mark_squares[1] if next_one else self.squares
            self.marks[1], self.mark_squares[1] = self.bins, self.squares
        self.place = place

    def lately(self, now: int) -> tuple[Ints, int]:
        """Return the bins and the squares of what came since the span before that of `now` began, microseconds."""
        later = (now - 1) // self.span - self.place
        if self.place < 0 or later > 1:
            return np.zeros_like(self.bins), 0
        mark = 0 if later <= 0 else 1
        return self.bins - self.marks[mark], self.squares - self.mark_squares[mark]

    def correct(self, confidences: Ints, before: Ints, after: Ints, charged: Ints) -> None:
        """Let outcomes that were counted at `charged` have the scores `after` instead of `before`, millionths.

        Sums become what they would have been; the evidence never grows by it.
        """
        self.corrections += 1
        bins, gained, places = _bins(confidences), after - before, charged // self.span
        squares = (confidences - after) ** 2 - (confidences - before) ** 2
        np.add.at(self.bins[2], bins, gained)
        self.squares += int(squares.sum())
        for mark, since in enumerate((self.place - 1, self.place)):
            old = places < since
            np.add.at(self.marks[mark, 2], bins[old], gained[old])
            self.mark_squares[mark] += int(squares[old].sum())
        self.test.correct(confidences, before, after, charged)

    def row(self, model: str, version: str, key: tuple[str, str], now: int) -> CalibrationRow:
        """Return what is known at `now`; the bins of the whole alone, since nobody looks at those of a segment."""
        lately, squares = self.lately(now)
        counts, confidences, scores = lately.tolist()
        recent = sum(counts)
        n = max(recent, 1)
        high, low = self.test.evidence()
        gaps = sum(map(abs, map(operator.sub, confidences, scores)))
        return CalibrationRow(
            model=model,
            version=version,
            segment=key[0],
            value=key[1],
            labels=self.labels,
            recent=recent,
            bias=(sum(confidences) - sum(scores)) / n / MICRO,
            brier=squares / n / MICRO**2,
            error=gaps / n / MICRO,
            overconfident=high,
            underconfident=low,
            bins=tuple(
                ReliabilityBin(place / BINS, (place + 1) / BINS, count, c / count / MICRO, s / count / MICRO)
                for place, (count, c, s) in enumerate(zip(counts, confidences, scores, strict=True))
                if count
            )
            if key[0] == AGGREGATE
            else (),
        )

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "design": self.test.design.digest,
            "labels": self.labels,
            "squares": self.squares,
            "settled": self.test.settled,
            "lately": [self.span, self.place, *self.mark_squares],
        }
        return pack(_KIND, _VERSION, meta, {"bins": self.bins, "marks": self.marks, **self.test.arrays()})

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
        span, place, *squares = meta.get("lately", (0, -1, 0, 0))
        if span == self.span:  # else what came lately begins with everything, and is right after two spans
            self.place, self.mark_squares, self.marks = place, squares, arrays["marks"]
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
        stream.count(bins[:, line], squares[line], end)
        if near[line]:
            stream.test.conclude(latest[line], grown[line], end)
        else:
            stream.test.take(growth[line, : table.sizes[line]], end)


def _bins(confidences: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.minimum(confidences * BINS // MICRO, BINS - 1)
