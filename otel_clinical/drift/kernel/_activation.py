"""One activation of one version of one model: all its streams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._batch import ABSENT
from otel_clinical.drift.explode._truth import REVIEWED, UNCOUNTED
from otel_clinical.drift.kernel._activation_rows import ActivationRows
from otel_clinical.drift.kernel._amend import amend_calibrations, amend_estimate, amend_streams
from otel_clinical.drift.kernel._calibration import Calibration, Pairs, feed_calibrations
from otel_clinical.drift.kernel._chosen import CHOSEN, ChosenDetectors
from otel_clinical.drift.kernel._estimate import Estimate
from otel_clinical.drift.kernel._feature_stream import FeatureStream
from otel_clinical.drift.kernel._features import Features
from otel_clinical.drift.kernel._mix import Mix
from otel_clinical.drift.kernel._outcomes import Outcomes, OutcomeStream
from otel_clinical.drift.kernel._plan import AGGREGATE
from otel_clinical.drift.kernel._rows import DriftDetected, DriftRow, EvidenceRow, TierChange
from otel_clinical.drift.kernel._side_by_side import Table, sorted_out
from otel_clinical.drift.kernel._signals import COLUMNS, Signal
from otel_clinical.drift.kernel._small_outcomes import feed_outcomes
from otel_clinical.drift.kernel._tiers import decide_tier
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._charged import Amendments
    from otel_clinical.drift.kernel._chosen import Chosen
    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey
    from otel_clinical.drift.kernel._rows import CalibrationRow, EstimateRow, FeatureRow, Transition

FEATURES: Final = "features"
"""First part of the keys of the features' states."""

_STEP: Final = 16_384
"""Values of small streams that are fed in one step: a step costs something of its own."""

StateKey = tuple[str, ...]
"""(kind, segment, value or signal …) of one saved state."""


class Activation:
    """Streams of one (model, version, activation).

    Args:
        plan: The model.
        version: The version.
        ordinal: The activation.
    """

    def __init__(self, plan: ModelPlan, version: str, ordinal: int) -> None:
        self.plan = plan
        self.version = version
        self.ordinal = ordinal
        self.updated = 0
        self.inferred = 0
        self._outcomes: dict[SegmentKey, OutcomeStream] = {}
        self._signals: dict[tuple[str, SegmentKey], Signal] = {}
        self._mixes: dict[str, Mix] = {}
        self._calibrations: dict[SegmentKey, Calibration] = {}
        self._estimate: Estimate | None = None
        self.inputs = Features(plan, version)
        self._chosen = ChosenDetectors(plan, version)
        self._dirty: set[StateKey] = set()
        self._stored: dict[StateKey, bytes] = {}
        self._rows = ActivationRows(plan, version, ordinal)

    def feed_outcomes(self, rows: NDArray[np.void], end: int) -> Iterator[list[Transition]]:
        """Feed one slot's scored outcomes, in order, and yield what changed stream by stream.

        `end` is the end of the slot, microseconds.
        """
        self._wake()
        yield from self._feed_confidence(rows.compress(rows["mark"] & REVIEWED == 0), end)
        self._note(rows, end)
        rows = rows.compress(rows["mark"] & UNCOUNTED == 0)
        if not len(rows):
            return
        yield []
        every = Outcomes(
            self.plan.strata(rows),
            rows["score"].astype(np.int64),
            rows["inferred"],
            rows["effective"],
        )
        for parts in sorted_out(self.plan.split_outcomes(rows), lambda key: self.plan.design(key).form):
            streams = [self._stream(key) for key, _ in parts]
            if len(parts) == 1:
                found = [streams[0].feed(every.at(parts[0][1]), end)]
            else:
                found = feed_outcomes(streams, every, Table.of([chosen for _, chosen in parts]), end)
            yield [
                change
                for (key, _), stream, worse in zip(parts, streams, found, strict=True)
                for change in self._concluded(key, stream, end, worse=worse)
            ]
        yield self._feed_chosen(rows, end, outcomes=True)

    def _concluded(self, key: SegmentKey, stream: OutcomeStream, end: int, *, worse: bool) -> list[Transition]:
        stream.forget(end - self.plan.times.window)
        self._dirty.add(("outcomes", *key))
        witnessed = [DriftDetected(end / 1e6, self._rows.witness(key, stream, end))] if worse else []
        return [*witnessed, *self._change_tier(key, stream, end)]

    def amend(self, amendments: Amendments, end: int) -> list[Transition]:
        """Correct everything that outcomes took part in, as far as their bets may be undone."""
        self._wake()
        found: list[Transition] = []
        for key, stream in amend_streams(self.plan, self._outcomes, amendments):
            self._dirty.add(("outcomes", *key))
            found += self._change_tier(key, stream, end)
        self._dirty.update(("calibration", *k) for k in amend_calibrations(self.plan, self._calibrations, amendments))
        if self._estimate is not None and amend_estimate(self._estimate, amendments):
            self._dirty.add(("estimate",))
        return found

    def _feed_chosen(self, rows: NDArray[np.void], end: int, *, outcomes: bool) -> list[Transition]:
        """Feed the detectors that the policy adds."""
        found: list[Transition] = []
        for key, detection in self._chosen.feed(rows, end, outcomes=outcomes):
            self._dirty.add(key)
            found += [] if detection is None else [detection]
        return found

    def _feed_confidence(self, rows: NDArray[np.void], end: int) -> Iterator[list[Transition]]:
        """Hold the confidence of one slot's outcomes against the truth, whether the metric counts them or not."""
        rows = rows.compress(rows["confidence"] != ABSENT)
        if not len(rows):
            return
        pairs = Pairs.of(self.plan.bias, rows["confidence"].astype(np.int64), rows["score"].astype(np.int64))
        for parts in sorted_out(self.plan.split(rows), lambda _: None):
            streams = [self._calibration(key) for key, _ in parts]
            if len(parts) == 1:
                streams[0].feed(pairs, parts[0][1], end)
            else:
                feed_calibrations(streams, pairs, Table.of([chosen for _, chosen in parts]), end)
            self._dirty.update(("calibration", *key) for key, _ in parts)
            yield []
        if self._expected().label(rows, end):
            self._estimated(end)

    def feed_inferences(self, rows: NDArray[np.void], end: int) -> Iterator[list[Transition]]:
        """Feed one slot's inferences, in order, and yield what changed stream by stream.

        `end` is the end of the slot, microseconds.
        """
        self._wake()
        self._note(rows, end)
        columns = {name: np.ascontiguousarray(rows[column]) for name, column in COLUMNS.items()}
        given = {name: values != ABSENT for name, values in columns.items()}
        every = {name: bool(flags.all()) for name, flags in given.items()}
        yield []
        clipped = {name: self._signal(name, AGGREGATE).clipped(values) for name, values in columns.items()}
        split = list(self.plan.split(rows))
        fed = 0
        for key, chosen in split:
            for name in columns:
                signal = self._signal(name, key)
                self._dirty.add(("signal", name, *key))
                z = clipped[name][chosen]
                worse = signal.feed_clipped(z if every[name] else z[given[name][chosen]], end)
                fed += len(z)
                if worse or fed >= _STEP:
                    fed = 0
                    yield [DriftDetected(end / 1e6, self._rows.signal(key, signal, end))] if worse else []
        for segment in self.plan.names:
            mix = self._mix(segment)
            self._dirty.add(("mix", segment))
            yield [
                DriftDetected(end / 1e6, self._rows.mix(segment, mix, place, end, float(mix.scores()[place])))
                for place in mix.feed(self.plan.counts(rows["segments"], segment), len(rows), end)
            ]
        yield self._feed_chosen(rows, end, outcomes=False)
        for (key, moved), (_, chosen) in zip(self.inputs.feed(rows, split, end), split, strict=True):
            self._dirty.add((FEATURES, *key))
            fed += len(chosen)
            if moved or fed >= _STEP:
                fed = 0
                yield [*moved]
        if self._expected().infer(rows):
            self._estimated(end)
        yield []

    def resume(self, time: int) -> None:
        """Say when a loaded activation last served, microseconds."""
        self.updated = self.inferred = time

    def _note(self, rows: NDArray[np.void], end: int) -> None:
        self.updated = max(self.updated, end)
        self.inferred = max(self.inferred, int(rows["inferred"].max()))

    def evidence(self, watermark: int) -> Iterator[EvidenceRow]:
        """Yield the evidence of every declared value of a segment or pair, seen or not."""
        self._wake()
        for key in (*self.plan.segments, *self.plan.pairs):
            stream = self._outcomes.get(key)
            yield self._rows.unseen(key) if stream is None else self._rows.evidence(key, stream, watermark)

    def calibration(self, watermark: int) -> Iterator[CalibrationRow]:
        """Yield the calibration of every stream whose outcomes carried a confidence."""
        self._wake()
        for key, calibration in sorted(self._calibrations.items()):
            if calibration.labels:
                yield self._rows.calibration(key, calibration, watermark)

    def estimate(self, watermark: int) -> EstimateRow:
        """Return the performance that recent confidences let expect."""
        self._wake()
        row = self._expected().row(self.plan.name, self.version, now=watermark, window=self.plan.times.window)
        shown = None if row.performance is None else self.plan.policy.metric.scale.shown(row.performance)
        return replace(row, performance=shown)

    def drift(self, watermark: int) -> Iterator[DriftRow]:
        """Yield the state of every detector that has seen something."""
        self._wake()
        for key, stream in self._outcomes.items():
            yield self._rows.witness(key, stream, watermark)
        for (_, key), signal in self._signals.items():
            yield self._rows.signal(key, signal, watermark)
        for segment, mix in self._mixes.items():
            for place, score in enumerate(mix.scores().tolist()):
                yield self._rows.mix(segment, mix, place, watermark, score)
        yield from self.inputs.witnesses(watermark)
        yield from self._chosen.rows(watermark)

    def features(self) -> Iterator[FeatureRow]:
        """Yield every input feature of every stream that has seen something."""
        self._wake()
        yield from self.inputs.rows()

    def dump_dirty(self) -> dict[StateKey, bytes]:
        """Return the states that changed."""
        found = {key: self._state(key).dumps() for key in self._dirty}
        self._dirty.clear()
        return found

    def keys(self) -> list[StateKey]:
        """Return the key of every state."""
        return [
            *self._stored,
            *(("outcomes", *key) for key in self._outcomes),
            *(("signal", name, *key) for name, key in self._signals),
            *(("mix", segment) for segment in self._mixes),
            *(("calibration", *key) for key in self._calibrations),
            *((FEATURES, *key) for key in self.inputs.streams),
            *self._chosen.keys,
            *([] if self._estimate is None else [("estimate",)]),
        ]

    def load(self, key: StateKey, data: bytes) -> bool:
        """Take over a state; False if its segment, its baseline or its test is no longer the policy's.

        Raises:
            CodecError: `data` is damaged.
        """
        if not self._knows(key):
            return False
        if self._goes_on(key, data):
            self._stored[key] = data
            return True
        return self._state(key).loads(data)

    def _wake(self) -> None:
        """Take over what was loaded and not looked at yet.

        A restart finds every activation that is still known, and serves as soon as it has checked them. Most are
        never fed again.
        """
        stored, self._stored = self._stored, {}
        for key, data in stored.items():
            self._state(key).loads(data)

    def _goes_on(self, key: StateKey, data: bytes) -> bool:
        """Say whether a saved state is sound and tested against the same as now; if it is not sure, no."""
        if key[0] == "outcomes":
            return OutcomeStream.goes_on(data, self.plan.design((key[1], key[2])))
        if key[0] == "calibration":
            return Calibration.goes_on(data, self.plan.bias)
        if key[0] == FEATURES:
            return FeatureStream.goes_on(data, self.plan.features.design((key[1], key[2])))
        return key[0] == "signal" and Signal.goes_on(data, key[1], self.plan.baseline)

    def _knows(self, key: StateKey) -> bool:
        if key[0] == "estimate":
            return True
        if key[0] == "mix":
            return key[1] in self.plan.names
        if key[0] == CHOSEN and not self._chosen.knows(key[1]):
            return False
        return key[-2:] in self.plan.known or (key[0] == "outcomes" and key[-2:] in self.plan.pairs)

    def _state(self, key: StateKey) -> OutcomeStream | Signal | Mix | Calibration | Estimate | FeatureStream | Chosen:
        if key[0] == CHOSEN:
            return self._chosen.state(key[1], (key[2], key[3]))
        return self._own_state(key)

    def _own_state(self, key: StateKey) -> OutcomeStream | Signal | Mix | Calibration | Estimate | FeatureStream:
        if key[0] == FEATURES:
            return self.inputs.stream((key[1], key[2]))
        if key[0] == "estimate":
            return self._expected()
        if key[0] == "calibration":
            return self._calibration((key[1], key[2]))
        if key[0] == "outcomes":
            return self._stream((key[1], key[2]))
        if key[0] == "signal":
            return self._signal(key[1], (key[2], key[3]))
        return self._mix(key[1])

    def _stream(self, key: SegmentKey) -> OutcomeStream:
        if key not in self._outcomes:
            self._outcomes[key] = OutcomeStream(self.plan.design(key), self.plan.times.bucket)
        return self._outcomes[key]

    def _signal(self, name: str, key: SegmentKey) -> Signal:
        if (name, key) not in self._signals:
            self._signals[name, key] = Signal.fresh(name, self.plan.baseline)
        return self._signals[name, key]

    def _mix(self, segment: str) -> Mix:
        if segment not in self._mixes:
            self._mixes[segment] = Mix(self.plan.baseline, segment, self.plan.values(segment))
        return self._mixes[segment]

    def _calibration(self, key: SegmentKey) -> Calibration:
        if key not in self._calibrations:
            self._calibrations[key] = Calibration.fresh(self.plan.bias, self.plan.times.half)
        return self._calibrations[key]

    def _expected(self) -> Estimate:
        if self._estimate is None:
            minimum = self.plan.policy.calibration.minimum_labels
            self._estimate = Estimate.fresh(self.plan.curve, self.plan.bias, self.plan.times.bucket, minimum)
        return self._estimate

    def _estimated(self, end: int) -> None:
        self._expected().forget(end - self.plan.times.window)
        self._dirty.add(("estimate",))

    def _change_tier(self, key: SegmentKey, stream: OutcomeStream, end: int) -> list[Transition]:
        if stream.tier is EscalationLevel.NONE and not any(stream.latched):
            # Without proof there is no tier, before and after: nearly always, and the row is not for free.
            return []
        row = self._rows.evidence(key, stream, end)
        level, previous = decide_tier(row, self.plan.policy.tiers), stream.tier
        stream.tier = level
        return [TierChange(end / 1e6, level, previous, row)] if level is not previous else []
