"""The input features of one stream: bins since the last look, and the evidence of all looks before."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import holds, pack, unpack
from otel_clinical.drift.detectors import BETS, LOG_CEILING, SLACK, GuardedADWIN, next_log
from otel_clinical.drift.kernel._feature_design import ASPECTS, SPECIAL
from otel_clinical.drift.kernel._feature_hours import PLACES, Expected
from otel_clinical.drift.kernel._feature_look import DISTANCES, look_at
from otel_clinical.semconv.enums import InputAspect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._feature_design import FeatureDesign

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_DELTA: Final = 0.002
_NOTICEABLE: Final = 0.25  # standard deviations from the baseline below which a change is no news
_KIND, _VERSION = "features", 1


@dataclass(frozen=True)
class Moved:
    """What a look found newly: features whose evidence became proof, and those whose ADWIN fired."""

    proved: tuple[int, ...] = ()
    witnessed: tuple[int, ...] = ()


@dataclass
class FeatureStream:
    """State of one (model, version, activation, segment, value).

    Attributes:
        design: What it is tested against.
        looks: How many there were since the start, or since it was loaded: what is shown changes with them alone.
        counts: (f, PLACES) inferences since the last look.
        since: Begin of the slot of the first of them, microseconds; None without any.
        log_d: (f, 2) logarithms of the evidence of the distribution as a whole.
        log_c: (c, bets) logarithms of the evidence of single shares.
        moved: (f,) of the last look.
        psi: (f,) of the last look.
        shift: (f,) of the last look.
        seen: Inferences of the last look.
        proved: (f,) event time since which evidence is proof, microseconds; 0 while it is not.
        witnesses: ADWIN of each numeric feature, by its place.
        detected: (f,) event time of ADWIN's newest noticeable detection; 0 before the first.
        detections: (f,) how many there were.
        expected: Where the same inferences lie by the hours of the week they came in; None without such a reference.
        looked: Begin and counts of the look that the last slot ended; None if it ended none.
    """

    design: FeatureDesign
    looks: int = field(default=0, compare=False)
    since: int | None = None
    seen: int = 0
    counts: Ints = field(init=False)
    log_d: Floats = field(init=False)
    log_c: Floats = field(init=False)
    moved: Floats = field(init=False)
    psi: Floats = field(init=False)
    shift: Floats = field(init=False)
    proved: Ints = field(init=False)
    detected: Ints = field(init=False)
    detections: Ints = field(init=False)
    witnesses: dict[int, GuardedADWIN] = field(init=False)
    expected: Expected | None = field(init=False)
    looked: tuple[int, Ints] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Begin without evidence."""
        size = len(self.design.features)
        self.expected = None if self.design.hours is None else Expected(self.design.hours)
        self.counts = np.zeros((size, PLACES), np.int64)
        self.log_d = np.full((size, DISTANCES), -np.inf)
        self.log_c = np.full((len(self.design.cells), BETS), -np.inf)
        self.moved, self.psi, self.shift = (np.zeros(size) for _ in range(3))
        self.proved, self.detected, self.detections = (np.zeros(size, np.int64) for _ in range(3))
        # The confidence, which is last, has an ADWIN of its own on its values.
        tested = np.flatnonzero(self.design.tested[:-1] & self.design.numeric[:-1]).tolist()
        self.witnesses = {place: GuardedADWIN(delta=_DELTA, clock=1) for place in tested}

    def feed(self, counts: Ints, begin: int, end: int) -> Moved:
        """Take one slot's (f, PLACES) counts; `begin` and `end` are its ends, microseconds."""
        limits, self.looked = self.design.limits, None
        self.counts += counts
        if self.expected is not None:
            self.expected.add(counts, begin)
        if self.since is None:
            self.since = begin
        total = int(self.counts.sum(axis=1).max(initial=0))
        if total < limits.minimum_inferences or end - self.since < limits.window * 1e6:
            return Moved()
        found, self.looked = self._look(end), (self.since, self.counts)
        self.counts = np.zeros_like(self.counts)
        self.since, self.seen = None, total
        return found

    def evidence(self) -> Floats:
        """(f, aspects) evidence over its threshold; 1 or more is proof."""
        logs = self._log_evidence() - self.design.log_threshold
        return np.asarray(np.exp(np.minimum(logs, LOG_CEILING)))

    def _look(self, end: int) -> Moved:
        design = self.design
        self.looks += 1
        found = look_at(self.counts, design if self.expected is None else design.against(*self.expected.take()))
        ceiling = design.log_threshold + SLACK
        self.log_d = next_log(self.log_d, found.distances, ceiling)
        self.log_c = next_log(self.log_c, found.shares, ceiling + math.log(max(self.log_c.size, 1)))
        self.moved, self.psi, self.shift = found.moved, found.psi, found.shift
        proof = (self._log_evidence() >= design.log_threshold).any(axis=1)
        new = proof & (self.proved == 0)
        self.proved = np.where(proof, np.where(self.proved == 0, end, self.proved), 0)
        witnessed = [place for place, adwin in self.witnesses.items() if self._witness(place, adwin, found.block, end)]
        return Moved(tuple(np.flatnonzero(new).tolist()), tuple(witnessed))

    def _witness(self, place: int, adwin: GuardedADWIN, block: Floats, end: int) -> bool:
        adwin.update_standardised(float(block[place]))
        fired = bool(adwin.drift_detected) and abs(float(self.shift[place])) >= _NOTICEABLE
        if fired:
            self.detected[place] = end
            self.detections[place] += 1
        return fired

    def _log_evidence(self) -> Floats:
        """(f, aspects) logarithms of the mean statistic of each aspect; -inf for a feature that is not tested."""
        design = self.design
        cells = np.logaddexp.reduce(self.log_c, axis=1) - math.log(BETS) if len(self.log_c) else np.zeros(0)
        rows, places = design.cells[:, 0], design.cells[:, 1]
        found = np.full((len(design.features), len(ASPECTS)), -np.inf)
        for column, aspect in enumerate(ASPECTS):
            if aspect is InputAspect.DISTRIBUTION:
                found[:, column] = self._log_distribution(cells, rows, places)
            else:
                chosen = places == SPECIAL[aspect]
                found[rows[chosen], column] = cells[chosen]
        return found

    def _log_distribution(self, cells: Floats, rows: Ints, places: Ints) -> Floats:
        whole = np.logaddexp.reduce(self.log_d, axis=1) - math.log(DISTANCES)
        inside = ~np.isin(places, list(SPECIAL.values()))
        found = whole.copy()
        for row in np.unique(rows[inside]).tolist():
            own = cells[inside & (rows == row)]
            shares = float(np.logaddexp.reduce(own)) - math.log(len(own))
            found[row] = np.logaddexp(whole[row], shares) - math.log(2.0)
        return np.where(self.design.tested, found, -np.inf)

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        states = {place: adwin.dumps() for place, adwin in sorted(self.witnesses.items())}
        meta: dict[str, Any] = {
            "design": self.design.digest,
            "since": self.since,
            "seen": self.seen,
            "witnesses": [[place, len(state)] for place, state in states.items()],
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.expected is not None:
            arrays |= {"expected": self.expected.sums, "sizes": self.expected.sizes}
        return pack(_KIND, _VERSION, meta, {**arrays, "adwin": np.frombuffer(b"".join(states.values()), np.uint8)})

    @staticmethod
    def goes_on(data: bytes, design: FeatureDesign) -> bool:
        """Say whether `loads` would take over `data` under this design; False if that is not certain."""
        return holds(data, _KIND, _VERSION, design.digest)

    def loads(self, data: bytes) -> bool:
        """Take over a state; False, and unchanged, if it was tested against something else.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        if meta["design"] != self.design.digest:
            return False
        self.since, self.seen = meta["since"], meta["seen"]
        self.looks += 1
        for name in _ARRAYS:
            setattr(self, name, arrays[name])
        if self.expected is not None:
            self.expected.sums, self.expected.sizes = arrays["expected"], arrays["sizes"]
        raw, start = arrays["adwin"].tobytes(), 0
        for place, size in meta["witnesses"]:
            self.witnesses[place] = GuardedADWIN.loads(raw[start : start + size])
            start += size
        return True


_ARRAYS: Final = ("counts", "log_d", "log_c", "moved", "psi", "shift", "proved", "detected", "detections")
