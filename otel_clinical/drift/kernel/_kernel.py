"""The kernel: records in, evidence out, no clock and no I/O."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

import numpy as np

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.explode._batch import Kind, to_ours, translate
from otel_clinical.drift.explode._index import PolicyIndex
from otel_clinical.drift.explode._truth import REVIEWED, made_of_reviews, with_reviews
from otel_clinical.drift.kernel._causes import Known, attributions
from otel_clinical.drift.kernel._clock import Clock
from otel_clinical.drift.kernel._corrections import Correction, corrections
from otel_clinical.drift.kernel._discovery import discoveries
from otel_clinical.drift.kernel._ledger import Ledger
from otel_clinical.drift.kernel._pairing import PairingRow
from otel_clinical.drift.kernel._plan import Times, make_plans, micros
from otel_clinical.drift.kernel._reviews import KINDS, NO_REVIEWS, Reviews
from otel_clinical.drift.kernel._rows import Applied, CoverageRow
from otel_clinical.drift.kernel._safety import KNOWN, SAFETY, SafetyLog
from otel_clinical.drift.kernel._slots import Slots, pending, unpack_rows
from otel_clinical.drift.kernel._volume import RUNNING, VOLUME, Volumes
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import ProcessorSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from otel_clinical.drift.explode._batch import Batch
    from otel_clinical.drift.kernel._activation import Activation
    from otel_clinical.drift.kernel._pairing import PairingRow
    from otel_clinical.drift.kernel._rows import (
        AttributionRow,
        CalibrationRow,
        DiscoveryRow,
        DriftRow,
        EstimateRow,
        EvidenceRow,
        FeatureRow,
        SafetyRow,
        SuggestionRow,
        Transition,
        VolumeRow,
    )
    from otel_clinical.policy import Baseline, Policy

Row = TypeVar("Row")

_CLOCK = "clock"
_PENDING = "pending"
_SIGNALS = {
    Kind.INFERENCE: ProcessorSignal.INFERENCE,
    Kind.OUTCOME: ProcessorSignal.OUTCOME,
    Kind.REVIEW: ProcessorSignal.REVIEW,
    Kind.CHANGE: ProcessorSignal.CHANGE,
    Kind.SAFETY: ProcessorSignal.SAFETY,
}


class Kernel:
    """Everything the processor knows, as a function of the batches it was given.

    The same records in any order within the policy's lateness, with any duplicates, cut into any batches and
    interrupted by any number of dumps and loads give bit-identical results.

    Args:
        policy: Which streams exist and what they are tested against.
        baselines: The frozen reference performance, by model name.

    Attributes:
        index: Pass it to `explode_traces` and `explode_logs`.
    """

    def __init__(self, policy: Policy, baselines: Mapping[str, Baseline]) -> None:
        self._policy = policy
        self.index = PolicyIndex.of(policy)
        times = Times(policy)
        self._numbers = self.index.numbers
        self._words = self.index.words
        self._plans = make_plans(policy, baselines, self._numbers)
        self._reviewed = [number for number, plan in self._plans.items() if plan.policy.metric.of_reviews]
        self._planned = np.zeros(len(self._words), np.bool_)
        self._planned[list(self._plans)] = True
        self._maturity = np.zeros(len(self._words), np.int64)
        for number, plan in self._plans.items():
            self._maturity[number] = plan.maturity
        self._clock = Clock(times.lateness)
        self._slots = Slots(times.slot)
        self._ledger = Ledger(self._plans, self._words)
        self._reviews = Reviews(self._plans, self._words, times.slot)
        self._volumes = Volumes(self._plans, policy)
        self._safety = SafetyLog(self._plans, policy)
        self._clean = True
        self._shown: dict[str, list[Any]] = {}  # rows that were asked for since the last change

    def apply(self, batch: Batch) -> Applied:
        """Take in a batch. Nothing is decided before `advance`."""
        self._shown.clear()
        rows = self._timed(batch)
        review = rows["kind"] == Kind.REVIEW
        reviews = NO_REVIEWS
        if not review.any():
            kept, late, known, corrected = self._in_time(rows)
        else:
            kept, late, known, corrected = self._in_time(rows.take(np.flatnonzero(~review)))
            reviews = self._reviews.sort(rows.take(np.flatnonzero(review)), self._bound())
            kept = np.concatenate((kept, reviews.new))
        new = self._slots.add(kept)
        reported = len(kept)
        if self._reviewed:
            new = new[(new["mark"] != REVIEWED) | (new["kind"] != Kind.OUTCOME)]
            reported -= made_of_reviews(kept)
        duplicates = known + reviews.repeated + reported - len(new) + self._clock.unreported
        self._clock.unreported = 0
        self._clock.note(rows, self._words, batch.received)
        self._clean = False
        events = Counter({_SIGNALS[Kind(kind)]: count for kind, count in _counted(new["kind"])})
        return Applied(events, late + reviews.late, duplicates, corrected + reviews.corrections)

    def advance(self, to: float | None = None) -> list[Transition]:
        """Close every slot that ends at or before the watermark and return what changed, in event time.

        Args:
            to: Raise the watermark to this event time (Unix seconds) first: for the end of a finite replay.
        """
        if to is not None:
            self._clock.raise_to(micros(to))
            self._clean = False
            self._shown.clear()
        return [transition for found in self.advancing() for transition in found]

    def advancing(self) -> Iterator[list[Transition]]:
        """Do what `advance` does in steps of a few milliseconds; yield after each what changed in it.

        Between two steps the kernel is of no moment in time: nothing else may be asked of it before the last.
        """
        for slot in self._slots.before(self._bound()):
            yield []
            self._clean = False
            self._shown.clear()
            rows, repeated = self._slots.take(slot)
            end = (slot + 1) * self._slots.width
            yield []
            known = yield from self._ledger.closing(rows, end)
            yield []
            self._reviews.begin(rows.compress(rows["kind"] == Kind.REVIEW), end)
            self._volumes.add(rows, end - self._slots.width)
            yield []
            known += self._safety.add(rows, end)
            self._clock.unreported += repeated + known
            yield []
        if self._reviews.resolve(self._bound()):
            self._clean = False
        self._volumes.settle(self._bound() * self._slots.width)

    def evidence(self) -> list[EvidenceRow]:
        """Return every stream of the newest activation of each version seen, sorted."""
        return self._once(
            "evidence", lambda: [row for activation, now in self._newest() for row in activation.evidence(now)]
        )

    def drift(self) -> list[DriftRow]:
        """Return every detector of the newest activation of each version seen, sorted."""
        return self._once(
            "drift",
            lambda: sorted(
                (row for activation, now in self._newest() for row in activation.drift(now)),
                key=lambda row: (row.model, row.version, row.segment, row.value, row.signal),
            ),
        )

    def coverage(self) -> list[CoverageRow]:
        """Return the label coverage of each version seen, sorted."""
        return list(self._ledger.coverage(self._clock.watermark or 0))

    def calibration(self) -> list[CalibrationRow]:
        """Return the calibration of the newest activation of each version seen, sorted."""
        return [row for activation, now in self._newest() for row in activation.calibration(now)]

    def estimates(self) -> list[EstimateRow]:
        """Return what recent confidences let expect of the newest activation of each version seen, sorted."""
        return [activation.estimate(now) for activation, now in self._newest()]

    def features(self) -> list[FeatureRow]:
        """Return the input features of the newest activation of each version seen, sorted."""
        return self._once(
            "features", lambda: [row for activation, _ in self._newest() for row in activation.features()]
        )

    def volumes(self) -> list[VolumeRow]:
        """Return how many inferences every model and each of its sources makes, sorted by model."""
        return list(self._volumes.rows())

    def safety(self) -> list[SafetyRow]:
        """Return how frequent the safety events of every model are, sorted."""
        return list(self._safety.rows(self._clock.watermark or 0))

    def suggestions(self, *, batches: bool = False) -> list[SuggestionRow]:
        """Return what was done with the answers of each version seen, sorted; with `batches` only what may leave."""
        return list(self._reviews.rows(sorted(self._clock.activations), batches=batches))

    def discoveries(self) -> list[DiscoveryRow]:
        """Return which segments of each version are worse than the guard of each tier, in the order of the evidence."""
        return list(discoveries(self._policy, self.evidence()))

    def attributions(self) -> list[AttributionRow]:
        """Return what the drop of every stream in a tier is put down to, in the order of the evidence."""
        evidence = self.evidence()
        if not any(latch for row in evidence for latch in row.latched.values()):
            return []  # without proof there is no tier: nearly always, and the rest is not for free
        served = {
            key: {ordinal: time / 1e6 for ordinal, time in times.items()} for key, times in self._clock.served.items()
        }
        compared = self._ledger.pairing.comparison
        seen = evidence, self.drift(), self.coverage(), served, self.label_times, self.newest, self.features()
        known = Known(*seen, compared)
        return list(attributions(self._policy, known))

    def pairings(self) -> list[PairingRow]:
        """Return how other versions do on the same cases as the version of each model that was activated last."""
        newest: dict[str, tuple[int, str]] = {}
        for (model, version), activation in self.activations.items():
            newest[model] = max(newest.get(model, (0, "")), (activation, version))
        rows = self._ledger.pairing.rows
        return [row for model, (activation, version) in newest.items() for row in rows(model, version, activation)]

    @property
    def waiting(self) -> Mapping[tuple[str, str], int]:
        """Outcomes by (model, version) that are not counted yet, because their inference is not mature."""
        outcomes = self._slots.outcomes.items()
        return dict(sorted(((self._words[m], self._words[v]), count) for (m, v), count in outcomes))

    @property
    def watermark(self) -> float | None:
        """Event time (Unix seconds) up to which slots are closed; None before the first record."""
        return _seconds(self._clock.watermark)

    @property
    def newest(self) -> float | None:
        """Event time (Unix seconds) of the newest record; None before the first."""
        return _seconds(self._clock.newest)

    @property
    def label_times(self) -> Mapping[str, float]:
        """Time (Unix seconds) of the newest outcome by model, mature or not."""
        return {model: time / 1e6 for model, time in sorted(self._clock.labels.items())}

    @property
    def activations(self) -> Mapping[tuple[str, str], int]:
        """Activation that served last by (model, version)."""
        return dict(sorted(self._clock.activations.items()))

    @property
    def served(self) -> Mapping[tuple[str, str], float]:
        """Time (Unix seconds) of the newest inference by (model, version)."""
        return {key: max(times.values()) / 1e6 for key, times in sorted(self._clock.served.items())}

    def dump_dirty(self) -> dict[str, bytes]:
        """Return what changed since the last dump, by key; an empty value says: delete this key."""
        found = {} if self._clean else {_CLOCK: self._clock.dumps(self._words, self._slots.width)}
        found |= {f"{_PENDING}/{key}": data for key, data in self._slots.dump_dirty().items()}
        for part in (self._ledger, self._reviews, self._volumes, self._safety):
            found |= {"/".join(map(_escape, key)): data for key, data in part.dump_dirty().items()}
        self._clean = True
        return found

    def load(self, states: Mapping[str, bytes]) -> list[str]:
        """Take over dumped states. Call once, before the first `apply`.

        Returns:
            One sentence per state that could not be continued, because the policy or a baseline changed what it
            is tested against; those streams begin anew.

        Raises:
            CodecError: A state is damaged.
        """
        self._shown.clear()
        states = {key: data for key, data in states.items() if data}
        if not states:
            return []
        if _CLOCK not in states:
            raise CodecError(f"{len(states)} saved states, but {_CLOCK!r} is not among them")
        words, slot = self._clock.loads(states[_CLOCK])
        table = np.array([self._numbers.get(word, 1) for word in words], "<u2")
        moved = words != self._words or slot != self._slots.width
        lost = []
        for key, data in sorted(states.items()):
            kind, _, rest = key.partition("/")
            if kind == _PENDING:
                self._slots.load(rest, translate(unpack_rows(data), table), moved=moved)
            elif kind in KINDS:
                lost.append(self._reviews.load(_parts(key), data, lambda rows: translate(rows, table), moved=moved))
            elif kind in {VOLUME, RUNNING}:
                lost.append(self._volumes.load(kind, unquote(rest), data))
            elif kind in {SAFETY, KNOWN}:
                lost.append(self._safety.load(kind, unquote(rest), data))
            elif kind != _CLOCK:
                lost.append(self._ledger.load(_parts(key), data))
        self._ledger.resume(self._clock.served)
        return [sentence for sentence in lost if sentence is not None]

    def _timed(self, batch: Batch) -> NDArray[np.void]:
        """Return the records as `PENDING`, in our words and with their effective time.

        An outcome becomes effective when its inference is mature, so that labels that come early, which are
        rarely a fair sample, cannot fake a change.
        """
        rows = pending(batch.rows)
        if batch.words != self._words:  # of the journal, or of a policy that was changed meanwhile
            ours = map(self._numbers.get, batch.words, repeat(self._numbers[OTHER]))
            to_ours(rows, np.fromiter(ours, "<u2", len(batch.words)))
        planned = self._planned.take(rows["model"])
        rows = with_reviews(rows if planned.all() else rows[planned], self._reviewed)
        rows["effective"] = rows["time"]
        outcome = rows["kind"] == Kind.OUTCOME
        if outcome.any():
            mature = rows["inferred"] + self._maturity[rows["model"]]
            rows["effective"] = np.where(outcome, np.maximum(rows["time"], mature), rows["time"])
        return rows

    def _in_time(self, rows: NDArray[np.void]) -> tuple[NDArray[np.void], int, int, tuple[Correction, ...]]:
        """Return the records to keep, how many came late, how many of those were known before, and the late ones.

        Whether a record is late is a matter of the watermark before its batch, not of when slots were closed. A
        late outcome takes effect now: it is still the truth about its inference. So does a late safety event: people
        report what they find. Anything else that is late has nothing to add.
        """
        bound = self._bound()
        late = rows["effective"] // self._slots.width < bound
        if not late.any():
            return rows, 0, 0, ()
        outcome = late & (rows["kind"] == Kind.OUTCOME)
        safety = late & (rows["kind"] == Kind.SAFETY)
        known = outcome & self._ledger.known(rows) | safety & self._safety.known.holds(rows["event"])
        used = (outcome | safety) & ~known
        told = (
            late & ~known & ((rows["kind"] != Kind.OUTCOME) | (rows["mark"] != REVIEWED))
        )  # the review itself is told of
        open_at = bound * self._slots.width
        corrected = corrections(rows[told], rows["effective"][told], used[told], self._words, open_at)
        rows["effective"][used] = open_at
        return rows[used | ~late], int(late.sum()) - int(known.sum()), int(known.sum()), corrected

    def _bound(self) -> int:
        """Return the first slot that is not closed."""
        watermark = self._clock.watermark
        return 0 if watermark is None else watermark // self._slots.width

    def _once(self, name: str, make: Callable[[], list[Row]]) -> list[Row]:
        """Return rows that are made once between two changes: one page asks for them several times."""
        if name not in self._shown:
            self._shown[name] = make()
        return list(self._shown[name])

    def _newest(self) -> Iterator[tuple[Activation, int]]:
        for key, ordinal in sorted(self._clock.activations.items()):
            activation = self._ledger.newest(key, ordinal)
            if activation is not None:
                yield activation, self._clock.watermark or 0


def _counted(values: NDArray[np.unsignedinteger]) -> Iterator[tuple[int, int]]:
    """Yield (small number, how often it occurs) of those that do."""
    counts = np.bincount(values)
    return ((number, int(counts[number])) for number in np.flatnonzero(counts).tolist())


def _seconds(time: int | None) -> float | None:
    return None if time is None else time / 1e6


@lru_cache(100_000)
def _escape(part: str) -> str:
    return quote(part, safe="")


def _parts(key: str) -> tuple[str, ...]:
    """Return the parts of a saved key."""
    return tuple(map(unquote, key.split("/"))) if "%" in key else tuple(key.split("/"))
