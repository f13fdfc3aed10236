"""One stream of outcomes: evidence for each tier, the change point, recent performance, and ADWIN as witness."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import holds, pack, unpack
from otel_clinical.drift.detectors import LOG_CEILING, GuardedADWIN, highest_log_sums, log_growth, log_less, sr_path
from otel_clinical.drift.explode._batch import MICRO
from otel_clinical.drift.kernel._change import ChangePoint
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._amend import Amended
    from otel_clinical.drift.kernel._design import StreamDesign

    Ints = NDArray[np.int64]

_KIND, _VERSION = "outcomes", 1
_DELTA: Final = 1e-4  # 28 streams of a healthy model see about one false flag per 700,000 labels at River's default
_SMALLEST_SPREAD: Final = 0.1  # standard deviation of an error that is almost never made


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of one stream in the order in which they are fed.

    Attributes:
        strata: (n,) position of the stratum.
        scores: (n,) millionths; a million is fully right.
        inferred: (n,) start of the inference, microseconds.
        effective: (n,) effective time, microseconds.
    """

    strata: NDArray[np.intp]
    scores: Ints
    inferred: Ints
    effective: Ints

    def __len__(self) -> int:
        """Return the number of outcomes."""
        return len(self.scores)

    @cached_property
    def errors(self) -> NDArray[np.float64]:
        """(n,) errors in [0, 1]: 1 is fully wrong."""
        return np.asarray((MICRO - self.scores) / MICRO)

    def at(self, chosen: NDArray[np.intp]) -> Outcomes:
        """Return the outcomes at these places."""
        return Outcomes(self.strata[chosen], self.scores[chosen], self.inferred[chosen], self.effective[chosen])

    def line(self, line: int, size: int) -> Outcomes:
        """Return the first outcomes of one of several lines, if these are lines."""
        part = line, slice(size)
        return Outcomes(self.strata[part], self.scores[part], self.inferred[part], self.effective[part])


@dataclass
class OutcomeStream:
    """State of one (model, version, activation, segment, value).

    Attributes:
        design: What it is tested against.
        width: Width of a display bucket, microseconds.
        labels: Outcomes fed.
        updated: Effective time of the last one, microseconds.
        log_s: (cells,) logarithms of the statistics.
        peaks: (tiers,) largest logarithm of the sum of a tier's statistics since the change point.
        latched: By tier, whether its evidence has reached 1 since the change point.
        change: Since when the performance is down, and by how much.
        recent: [outcomes, sum of scores] by start of the display bucket.
        witness: ADWIN on standardised errors.
        detections: Of the witness, towards more errors.
        witnessed: Event time of the newest, microseconds; None before the first.
        tier: Tier reached when the last slot was closed.
        amended: Outcomes that were amended after they were fed.
        withdrawn: Sum of the errors that amendments took back, less those that they added, millionths.
        settled: End of the slot in which the labels last spoke against any drop, microseconds.
        log_old: (cells,) logarithms of the part of the statistics whose bets began before that.
    """

    design: StreamDesign
    width: int
    labels: int = 0
    updated: int = 0
    log_s: NDArray[np.float64] = field(init=False)
    peaks: NDArray[np.float64] = field(init=False)
    latched: list[bool] = field(init=False)
    change: ChangePoint = field(init=False)
    recent: dict[int, list[int]] = field(default_factory=dict)
    witness: GuardedADWIN = field(default_factory=lambda: GuardedADWIN(delta=_DELTA))
    detections: int = 0
    witnessed: int | None = None
    tier: EscalationLevel = EscalationLevel.NONE
    amended: int = 0
    withdrawn: int = 0
    settled: int = 0
    log_old: NDArray[np.float64] = field(init=False)
    _interval: tuple[int, tuple[float, float] | None] = field(default=(0, None), init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin without evidence."""
        self.log_s = np.full(self.design.null.shape[1], -np.inf)
        self.peaks = np.full(len(self.design.cells), -np.inf)
        self.latched = [False] * len(self.design.cells)
        self.log_old = self.log_s.copy()
        self.change = ChangePoint.fresh(self.design)

    def feed(self, outcomes: Outcomes, end: int) -> bool:
        """Take one slot's outcomes, at least one; say whether the witness saw the errors become more.

        `end` is the end of the slot, microseconds.
        """
        self.bet(outcomes)
        self.change.feed(self.design, outcomes)
        self.remember(outcomes)
        z, clip = standardised(outcomes.errors, self.design.expected[outcomes.strata]), self.witness.clip
        z = np.minimum(np.maximum(z, -clip), clip)
        return self.conclude(len(outcomes), int(outcomes.effective[-1]), z, end)

    def bet(self, outcomes: Outcomes) -> None:
        """Let the evidence take outcomes."""
        strata = outcomes.strata
        growth = log_growth(outcomes.errors, self.design.null[strata], self.design.bets[strata])
        path = sr_path(self.log_s, growth)
        sums = highest_log_sums(path, list(self.design.cells.values()))
        self.raise_stakes(path[-1].copy(), growth.sum(axis=0), sums)

    def raise_stakes(self, log_s: NDArray[np.float64], growth: NDArray[np.float64], highest: Sequence[float]) -> None:
        """Take over the evidence after outcomes.

        Args:
            log_s: (cells,) after the last.
            growth: (cells,) of all of them.
            highest: (tiers,) largest logarithm of the sum of a tier's statistics after any of them.
        """
        self.log_s = log_s
        self.log_old += growth
        for place, (level, one) in enumerate(zip(self.design.cells, highest, strict=True)):
            self.peaks[place] = max(self.peaks[place], one)
            self.latched[place] |= bool(self.peaks[place] >= self.design.log_thresholds[level])

    def conclude(self, size: int, updated: int, z: NDArray[np.float64], end: int) -> bool:
        """Count outcomes that evidence and change point have taken; say what `feed` says.

        Args:
            size: How many.
            updated: Effective time of the last, microseconds.
            z: (size,) their errors in standard deviations from the baseline, cut off.
            end: End of the slot, microseconds.
        """
        if self.change.over:
            # What was proved was about that change. Kept any longer, old proof would vouch for new noise, and the
            # tiers would come and go with every unlucky run of labels.
            self.peaks[:] = -np.inf
            self.latched = [False] * len(self.latched)
            self.log_old, self.settled = self.log_s.copy(), end
        self.labels += size
        self.updated = updated
        return self._witness(z, end)

    def amend(self, amended: Amended) -> None:
        """Let outcomes that were fed say what they say now.

        Recent performance and the drop since the change become what they would have been. Evidence never grows by it,
        and shrinks by at least as much as it must: it stays below that of the outcomes as they were fed, for which
        its guarantee was made, and below that of the outcomes as they are now. What shrinks is every bet that was on
        an amended outcome; bets that began after it, and after the last time at which no drop was going on, are kept.
        """
        self._recall(amended)
        self.change.amend(amended)
        new = amended.effective >= self.settled
        null, bets = self.design.null, self.design.bets
        recent = amended.where(new).shrinkage(null, bets)
        fresh = log_less(self.log_s, self.log_old) + recent
        self.log_old += amended.where(~new).shrinkage(null, bets) + recent
        self.log_s = np.logaddexp(fresh, self.log_old)
        for place, (level, cells) in enumerate(self.design.cells.items()):
            lowest = float(recent[cells].min(initial=0.0))
            present = float(np.logaddexp.reduce(self.log_s[cells]))
            self.peaks[place] = max(self.peaks[place] + lowest, present)
            self.latched[place] = self.latched[place] and bool(self.peaks[place] >= self.design.log_thresholds[level])
        self.amended += len(amended)
        self.withdrawn += amended.withdrawn
        self._interval = 0, None

    def evidence(self) -> dict[EscalationLevel, tuple[float, float, bool]]:
        """Return (latched evidence, present evidence, latched) by tier."""
        found = {}
        for place, (level, cells) in enumerate(self.design.cells.items()):
            threshold = self.design.log_thresholds[level]
            present = _evidence(float(np.logaddexp.reduce(self.log_s[cells])) - threshold)
            latched = bool(self.latched[place])
            highest = max(_evidence(float(self.peaks[place]) - threshold), 1.0) if latched else present
            found[level] = highest, present, latched
        return found

    def interval(self) -> tuple[float, float] | None:
        """Return (least, largest) drop since the change point; None while there is none.

        Kept until the next outcome, so that a scrape need not calculate it again.
        """
        if self._interval[0] != self.labels:
            self._interval = self.labels, self.change.interval(self.design, self.labels)
        return self._interval[1]

    def performance(self, since: int) -> tuple[int, float | None]:
        """Return (outcomes, mean score) of the display buckets that end after `since` (microseconds)."""
        kept = [both for start, both in self.recent.items() if start + self.width > since]
        n = sum(both[0] for both in kept)
        return n, sum(both[1] for both in kept) / n / MICRO if n else None

    def forget(self, since: int) -> None:
        """Drop the display buckets that end at or before `since` (microseconds)."""
        for start in [start for start in self.recent if start + self.width <= since]:
            del self.recent[start]

    def remember(self, outcomes: Outcomes) -> None:
        """Count outcomes in their display buckets."""
        starts = outcomes.effective - outcomes.effective % self.width
        for start in dict.fromkeys(starts.tolist()):
            scores = outcomes.scores[starts == start]
            self.count(start, len(scores), int(scores.sum()))

    def count(self, start: int, size: int, total: int) -> None:
        """Count outcomes of the display bucket that begins at `start`; `total` is the sum of their scores."""
        bucket = self.recent.setdefault(start, [0, 0])
        bucket[0] += size
        bucket[1] += total

    def _recall(self, amended: Amended) -> None:
        starts = amended.effective - amended.effective % self.width
        for start in set(np.unique(starts).tolist()) & self.recent.keys():
            bucket, chosen = self.recent[start], starts == start
            bucket[0] += int(amended.more[chosen].sum())
            bucket[1] += int(amended.gained[chosen].sum())
            bucket[1] = min(max(bucket[1], 0), bucket[0] * MICRO)
            if bucket[0] <= 0:
                del self.recent[start]

    def _witness(self, z: NDArray[np.float64], end: int) -> bool:
        worse = False
        for _ in self.witness.update_clipped(z):
            if self.witness.rising and self.witness.recent > 0.0:
                worse = True
                self.detections += 1
        if worse:
            self.witnessed = end
        return worse

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {
            "design": self.design.digest,
            "labels": self.labels,
            "updated": self.updated,
            "width": self.width,
            "detections": self.detections,
            "witnessed": self.witnessed,
            "tier": self.tier,
            "latched": self.latched,
            "recent": sorted([start, *both] for start, both in self.recent.items()),
            "amended": [self.amended, self.withdrawn, self.settled],
        }
        arrays = {"log_s": self.log_s, "log_old": self.log_old, "peaks": self.peaks, **self.change.arrays()}
        arrays["witness"] = np.frombuffer(self.witness.dumps(), np.uint8)
        return pack(_KIND, _VERSION, meta, arrays)

    @staticmethod
    def goes_on(data: bytes, design: StreamDesign) -> bool:
        """Say whether `loads` would take over `data` in a stream of this design; False if that is not certain."""
        return holds(data, _KIND, _VERSION, design.digest)

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if it was tested against something else.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        if meta["design"] != self.design.digest:
            return False
        self.labels, self.updated, self.witnessed = meta["labels"], meta["updated"], meta["witnessed"]
        self.latched = [bool(latch) for latch in meta["latched"]]
        self.detections, self.tier = meta["detections"], EscalationLevel(meta["tier"])
        if meta["width"] == self.width:
            self.recent = {start: [n, total] for start, n, total in meta["recent"]}
        self.log_s, self.peaks = arrays["log_s"], arrays["peaks"]
        # Without these every bet is taken to be on every outcome: it then shrinks by more than it must, never by less.
        self.amended, self.withdrawn, self.settled = meta.get("amended", (0, 0, 0))
        self.log_old = arrays.get("log_old", np.full_like(self.log_s, -np.inf))
        self.change = ChangePoint.of(arrays)
        self._interval = 0, None
        self.witness = GuardedADWIN.loads(arrays["witness"].tobytes())
        return True


def standardised(errors: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return errors in standard deviations from what the baseline expects."""
    mean = 1.0 - expected
    spread = np.maximum(np.sqrt(mean * (1.0 - mean)), _SMALLEST_SPREAD)
    return np.asarray((errors - mean) / spread)


def _evidence(logarithm: float) -> float:
    return math.exp(min(logarithm, LOG_CEILING))
