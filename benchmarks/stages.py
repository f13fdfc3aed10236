"""Where the time of the drift processor goes, stage by stage, beside the stock decoding of the same bytes.

Everything behind the socket in one thread and one process: reading a request in columns, writing it to the journal,
applying it, closing slots, saving. Requests come in groups of four, as from four senders. HTTP, the hand-over between
threads and the wait for the disk are not in it; `processor` measures the whole. Stock decoding is that of every 20th
request, in between, so that whatever else runs on the machine weighs on both.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks._processor_load import TRACES
from benchmarks._processor_send import PER_REQUEST, Feed, templates
from benchmarks._processor_site import FORTY, MODEL, make_site, read_site
from benchmarks._processor_stock import decode
from benchmarks._rows import Row, row
from otel_clinical.drift.explode import Batch, Exploded, PolicyIndex, explode_logs, explode_traces
from otel_clinical.drift.kernel import Applied, Kernel
from otel_clinical.drift.runtime._entry import Entry, Signal
from otel_clinical.drift.runtime._pipeline import Pipeline, Work
from otel_clinical.drift.runtime.store import Store
from otel_clinical.drift.runtime.writer import WriterSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS: Final = 450_000
"""Three slots of event time."""
WARM: Final = 900_000
"""Past the first slots: lateness is two minutes, at 5,000 events a second."""
SAVED: Final = WriterSettings().checkpoint_bytes
_GROUP: Final = 4
_STOCK: Final = 20
_STAGES: Final = {
    "read": "read in columns",
    "entry": "make the journal entry",
    "journal": "write it",
    "apply": "apply",
    "close": "close slots and feed the detectors",
    "save": "save",
}


def run(events: int = EVENTS) -> list[Row]:
    """Measure; `events` is how many are counted."""
    with tempfile.TemporaryDirectory() as folder:
        costs = _Stages(Path(folder)).run(events)
    stock = costs.pop("stock")
    rows = [row(f"us per event: {words} / stock decoding", costs[stage], stock) for stage, words in _STAGES.items()]
    return [*rows, row("us per event: all of these / stock decoding", sum(costs.values()), stock)]


class _Stages:
    """A processor without its sockets and threads."""

    def __init__(self, folder: Path) -> None:
        policy, baseline = read_site(make_site(folder, FORTY))
        self._feed = Feed(templates(policy))
        self._index = PolicyIndex.of(policy)
        self._spent: defaultdict[str, float] = defaultdict(float)
        stages = self

        class TimedKernel(Kernel):
            def apply(self, batch: Batch) -> Applied:
                with stages.timed("apply"):
                    return super().apply(batch)

        self._pipeline = Pipeline(Store(folder / "state"), lambda: TimedKernel(policy, {MODEL: baseline}))
        self._pipeline.restore()

    def run(self, events: int) -> dict[str, float]:
        """Return microseconds per event by stage, and those per span of stock decoding."""
        try:
            self._send(WARM)
            self._spent.clear()
            taken, decoded = self._send(events)
        finally:
            self._pipeline.close()
        self._spent["close"] -= self._spent["apply"]
        counts = dict.fromkeys(_STAGES, taken) | {"stock": decoded}
        return {stage: 1e6 * self._spent[stage] / counts[stage] for stage in (*_STAGES, "stock")}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the processor time of the block."""
        started = time.thread_time()
        yield
        self._spent[stage] += time.thread_time() - started

    def _send(self, events: int) -> tuple[int, int]:
        """Take about `events` events; return how many, and of how many the stock decoding was measured."""
        decoded = 0
        groups = max(events // (_GROUP * PER_REQUEST), 1)
        for number in range(groups):
            works = [self._taken() for _ in range(_GROUP)]
            with self.timed("journal"):
                numbers = self._pipeline.commit(works)
            with self.timed("close"):
                self._pipeline.apply(numbers, works)
            if self._pipeline.pending_bytes >= SAVED:
                with self.timed("save"):
                    self._pipeline.checkpoint()
            if number % (_STOCK // _GROUP) == 0:
                decoded += self._stock()
        return groups * _GROUP * PER_REQUEST, decoded

    def _taken(self) -> Work:
        template, body = next(self._feed)
        traces = template.path == TRACES
        with self.timed("read"):
            exploded: Exploded = (explode_traces if traces else explode_logs)(body, time.time(), self._index)
        with self.timed("entry"):
            data = exploded.batch.to_bytes()
        return Work(Entry(Signal.TRACES if traces else Signal.LOGS, time.time(), data), exploded.batch)

    def _stock(self) -> int:
        template, body = next(self._feed)
        while template.path != TRACES:
            template, body = next(self._feed)
        with self.timed("stock"):
            decode(body)
        return len(template)
