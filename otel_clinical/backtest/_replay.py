"""Replay encounters on event time: recorded, encoded, exploded and judged as in production."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otel_clinical.backtest._wire import Wire
from otel_clinical.drift.explode import Batch, explode_logs, explode_traces
from otel_clinical.drift.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from otel_clinical.backtest._encounters import Encounter
    from otel_clinical.drift.kernel import CoverageRow, DriftRow, EvidenceRow, Transition
    from otel_clinical.instrument import Receipt
    from otel_clinical.policy import Baseline, Policy
    from otel_clinical.semconv.enums import OutcomeSource

_CHUNK = 400
_SNAPSHOTS = 150


@dataclass(frozen=True)
class Snapshot:
    """What the evidence gauges would have shown at `at` (event time, unix seconds)."""

    at: float
    rows: list[EvidenceRow]


@dataclass
class Replay:
    """Everything the kernel said while the history passed through it."""

    transitions: list[Transition] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    evidence: list[EvidenceRow] = field(default_factory=list)
    drift: list[DriftRow] = field(default_factory=list)
    coverage: list[CoverageRow] = field(default_factory=list)
    rejections: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


def replay(
    encounters: Sequence[Encounter],
    policy: Policy,
    name: str,
    baseline: Baseline,
    *,
    source: OutcomeSource,
    progress: Callable[[int], None] = lambda _: None,
) -> Replay:
    """Pass `encounters`, in order of time, through instrumentation, OTLP and kernel.

    `progress` is told how many encounters were replayed since it was last told.
    """
    model = policy.models[name]
    kernel = Kernel(policy, {name: baseline})
    wire = Wire(name, model, source)
    result = Replay()
    last = max(encounter.known for encounter in encounters) + model.labels.maturity + policy.drift.lateness
    step = max((last - encounters[0].time) / _SNAPSHOTS, policy.drift.slot)
    clock = _Snapshots(encounters[0].time, step)
    try:
        for now, count in _recorded(encounters, wire):
            _feed(wire, kernel, now, result)
            progress(count)
            clock.look(kernel, result)
    finally:
        wire.close()
    end = last + 2 * policy.drift.slot
    clock.finish(kernel, result, end)
    result.evidence, result.drift, result.coverage = kernel.evidence(), kernel.drift(), kernel.coverage()
    return result


def _recorded(encounters: Sequence[Encounter], wire: Wire) -> Iterator[tuple[float, int]]:
    """Record inferences and outcomes in order of time; pause after every chunk with its time and size."""
    waiting: list[tuple[float, str, Encounter]] = []
    receipts: dict[str, Receipt] = {}
    count, now = 0, 0.0
    for encounter in encounters:
        while waiting and waiting[0][0] <= encounter.time:
            due = heapq.heappop(waiting)[2]
            wire.outcome(due, receipts.pop(due.key))
        now = encounter.time
        receipt = wire.inference(encounter)
        if encounter.labelled:
            receipts[encounter.key] = receipt
            heapq.heappush(waiting, (encounter.known, encounter.key, encounter))
        count += 1
        if count == _CHUNK:
            yield now, count
            count = 0
    yield now, count
    for number, (at, key, rest) in enumerate(sorted(waiting, key=lambda item: item[:2]), start=1):
        wire.outcome(rest, receipts.pop(key))
        if number % _CHUNK == 0 or number == len(waiting):
            yield at, 0


def _feed(wire: Wire, kernel: Kernel, now: float, result: Replay) -> None:
    sent = wire.take()
    batches = []
    for body, explode in ((sent.traces, explode_traces), (sent.logs, explode_logs)):
        if body is not None:
            exploded = explode(body, now, kernel.index)
            result.rejections.update({reason.value: count for reason, count in exploded.counts.items()})
            batches.append(exploded.batch)
    if not batches:
        return
    # One batch, or the inferences would raise the watermark past the outcomes of the same days.
    applied = kernel.apply(Batch.concat(batches))
    result.events.update({signal.value: count for signal, count in applied.events.items()})
    result.rejections.update({"late": applied.late, "duplicate": applied.duplicates})


class _Snapshots:
    """Advance the kernel in even steps of event time and look at its evidence after each."""

    def __init__(self, start: float, step: float) -> None:
        self.next = start + step
        self.step = step

    def look(self, kernel: Kernel, result: Replay) -> None:
        result.transitions += kernel.advance()
        watermark = kernel.watermark
        if watermark is not None and watermark >= self.next:
            result.snapshots.append(Snapshot(watermark, kernel.evidence()))
            self.next = watermark + self.step

    def finish(self, kernel: Kernel, result: Replay, end: float) -> None:
        """Let the labels mature that the end of the file would leave waiting."""
        while self.next < end:
            result.transitions += kernel.advance(to=self.next)
            result.snapshots.append(Snapshot(self.next, kernel.evidence()))
            self.next += self.step
        result.transitions += kernel.advance(to=end)
        result.snapshots.append(Snapshot(end, kernel.evidence()))
