"""The writer: back-pressure, and what those who wait are told when it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.runtime import Phase, WriterSettings
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._pipeline import Pipeline
from otel_clinical.drift.runtime._queue import BoundedQueue, ClosedError, FullError
from otel_clinical.drift.runtime._refusals import UnavailableError
from otel_clinical.drift.runtime.store import Store
from otel_clinical.drift.runtime.writer import Writer
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime import _world

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from otel_clinical.drift.runtime._pipeline import Work

DEADLINE = 30.0


class SlowPipeline(Pipeline):
    """Commits when it is allowed to, and remembers the size of each group."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Store(folder), _world.new_kernel)
        self.allowed = threading.Event()
        self.reached = threading.Event()
        self.groups: list[int] = []

    def commit(self, works: Sequence[Work]) -> list[int]:
        self.reached.set()
        assert self.allowed.wait(DEADLINE)
        self.groups.append(len(works))
        return super().commit(works)


def spans(first: int) -> Work:
    return _world.work(Signal.TRACES, _wire.traces([_wire.span(first, _wire.START)]), _wire.START)


def test_many_requests_share_one_commit_and_too_many_are_turned_away(tmp_path: Path):
    pipeline = SlowPipeline(tmp_path)
    writer = Writer(pipeline, WriterSettings(queue_items=4))
    writer.start()
    assert writer.started.wait(DEADLINE)
    waiting = [writer.submit(spans(0))]
    assert pipeline.reached.wait(DEADLINE)  # the first is being committed; the queue is empty again
    waiting += [writer.submit(spans(n)) for n in range(1, 5)]
    with pytest.raises(UnavailableError, match="busy"):
        writer.submit(spans(5))
    assert not any(each.done() for each in waiting)
    pipeline.allowed.set()
    for each in waiting:
        each.result(DEADLINE)
    assert pipeline.groups == [1, 1]  # entries: those that waited are one
    writer.close()
    assert writer.join(DEADLINE)
    assert writer.phase is Phase.STOPPED


def test_a_request_given_up_before_its_commit_is_not_written(tmp_path: Path):
    pipeline = SlowPipeline(tmp_path)
    writer = Writer(pipeline)
    writer.start()
    assert writer.started.wait(DEADLINE)
    first = writer.submit(spans(0))
    assert pipeline.reached.wait(DEADLINE)
    second = writer.submit(spans(1))
    assert second.cancel()
    pipeline.allowed.set()
    first.result(DEADLINE)
    writer.close()
    assert writer.join(DEADLINE)
    assert pipeline.groups == [1]


def test_nothing_is_accepted_before_the_journal_is_replayed_or_after_the_end(tmp_path: Path):
    writer = Writer(SlowPipeline(tmp_path))
    with pytest.raises(UnavailableError, match="replaying"):
        writer.submit(spans(0))
    writer.start()
    assert writer.started.wait(DEADLINE)
    writer.close()
    assert writer.join(DEADLINE)
    with pytest.raises(UnavailableError, match="stop"):
        writer.submit(spans(0))


class LongEntries(SlowPipeline):
    """Each entry takes as many steps as it is given leave for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.allowed.set()
        self.leave = threading.Semaphore(0)
        self.begun = threading.Event()
        self.inside = False

    @property
    def between(self) -> bool:
        return not self.inside

    def step(self) -> bool:
        if not self.inside:
            self.inside = bool(self._deferred)
            self.begun.set()
            return self.inside
        if not self.leave.acquire(timeout=0.01):
            return True
        self.inside = False
        return super().step()


def test_requests_are_acknowledged_while_a_slot_is_being_closed(tmp_path: Path):
    pipeline = LongEntries(tmp_path)
    writer = Writer(pipeline)
    writer.start()
    assert writer.started.wait(DEADLINE)
    for number in range(20):
        writer.submit(spans(number)).result(DEADLINE)
    assert pipeline.begun.is_set()
    assert pipeline.pending == 20  # not one is applied
    pipeline.leave.release(100)
    wait_until(lambda: pipeline._applied == 20, within=DEADLINE, what="what waited to be applied")
    writer.close()
    assert writer.join(DEADLINE)


def test_nobody_looks_at_a_kernel_in_the_middle_of_an_entry(tmp_path: Path):
    pipeline = LongEntries(tmp_path)
    writer = Writer(pipeline)
    writer.start()
    assert writer.started.wait(DEADLINE)
    writer.submit(spans(0)).result(DEADLINE)
    assert pipeline.begun.wait(DEADLINE)
    seen: list[bool] = []
    looking = threading.Thread(target=lambda: seen.append(writer.read(lambda _kernel: pipeline.between)))
    looking.start()
    writer.submit(spans(1)).result(DEADLINE)  # a whole turn of the writer later
    assert not seen
    pipeline.leave.release(100)
    looking.join(DEADLINE)
    assert seen == [True]
    writer.close()
    assert writer.join(DEADLINE)


def test_what_waits_to_be_applied_is_bounded_and_applied_before_the_end(tmp_path: Path):
    pipeline = LongEntries(tmp_path)
    size = spans(0).size
    writer = Writer(pipeline, WriterSettings(group_items=1, deferred_bytes=3 * size))
    writer.start()
    assert writer.started.wait(DEADLINE)
    acknowledged = [writer.submit(spans(number)) for number in range(10)]
    acknowledged[3].result(DEADLINE)
    wait_until(lambda: pipeline.deferred_bytes > 3 * size, within=DEADLINE, what="the bound to be reached")
    assert not acknowledged[9].done()
    pipeline.leave.release(100)
    acknowledged[9].result(DEADLINE)
    writer.close()
    assert writer.join(DEADLINE)
    assert (pipeline._applied, pipeline.pending) == (10, 0)


def test_a_defect_ends_the_writer_and_tells_everybody_who_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pipeline = SlowPipeline(tmp_path)
    failures: list[BaseException] = []
    writer = Writer(pipeline, WriterSettings(group_items=1), failed=failures.append)
    writer.start()
    assert writer.started.wait(DEADLINE)
    first = writer.submit(spans(0))
    assert pipeline.reached.wait(DEADLINE)
    second = writer.submit(spans(1))

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "step", fail)
    pipeline.allowed.set()
    first.result(DEADLINE)  # it was durable before the defect
    with pytest.raises(UnavailableError):
        second.result(DEADLINE)
    assert not writer.join(DEADLINE)
    assert (writer.phase, [type(each) for each in failures]) == (Phase.FAILED, [ZeroDivisionError])


class TestQueue:
    def test_it_is_bounded_by_items_and_by_bytes(self):
        queue: BoundedQueue[str] = BoundedQueue(items=2, size=10)
        queue.put("larger than the bound, alone", 99)
        with pytest.raises(FullError):
            queue.put("b", 1)
        assert queue.take(timeout=0, items=9, size=9) == ["larger than the bound, alone"]
        queue.put("a", 1)
        queue.put("b", 1)
        with pytest.raises(FullError):
            queue.put("c", 1)

    def test_it_gives_groups_in_order(self):
        queue: BoundedQueue[int] = BoundedQueue(items=9, size=99)
        for number in range(5):
            queue.put(number, 2)
        assert queue.take(timeout=0, items=2, size=99) == [0, 1]
        assert queue.take(timeout=0, items=9, size=3) == [2, 3]
        assert queue.take(timeout=0, items=9, size=99) == [4]
        assert queue.take(timeout=0, items=9, size=99) == []

    def test_a_closed_queue_takes_nothing_and_gives_what_it_has(self):
        queue: BoundedQueue[int] = BoundedQueue(items=9, size=99)
        queue.put(1, 1)
        queue.close()
        with pytest.raises(ClosedError):
            queue.put(2, 1)
        assert queue.take(timeout=DEADLINE, items=9, size=99) == [1]
        assert queue.take(timeout=DEADLINE, items=9, size=99) == []


def test_a_checkpoint_is_made_as_soon_as_enough_bytes_wait_for_one(tmp_path: Path):
    pipeline = SlowPipeline(tmp_path)
    pipeline.allowed.set()
    never = 1e9
    size = len(spans(0).entry.batch)
    writer = Writer(pipeline, WriterSettings(checkpoint_seconds=never, checkpoint_bytes=3 * size))
    writer.start()
    assert writer.started.wait(DEADLINE)
    for number in range(2):
        writer.submit(spans(number)).result(DEADLINE)
    wait_until(lambda: pipeline.pending == 2, within=DEADLINE, what="two entries without a checkpoint")
    writer.submit(spans(2)).result(DEADLINE)
    wait_until(lambda: pipeline.pending == 0, within=DEADLINE, what="the checkpoint")
    assert pipeline.pending_bytes == 0
    writer.close()
    assert writer.join(DEADLINE)
