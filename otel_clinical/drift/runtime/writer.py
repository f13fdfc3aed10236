"""The one thread that writes: group commit, acknowledge, apply, checkpoint."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime._entry import Quarantined
from otel_clinical.drift.runtime._pipeline import Pipeline, Work
from otel_clinical.drift.runtime._queue import BoundedQueue, ClosedError, FullError
from otel_clinical.drift.runtime._refusals import UnavailableError
from otel_clinical.drift.runtime._tally import Key
from otel_clinical.drift.runtime._together import together
from otel_clinical.drift.runtime.store import Corrections, StoreUnavailableError
from otel_clinical.semconv.enums import ProcessorRejection

_LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 0.002
_YIELD_SECONDS = 0.0002  # so that a request that has come can be noticed
_WORK_SECONDS = 0.005  # between two such pauses: a slot of few records has as many steps as one of many

Read = TypeVar("Read")


@dataclass(frozen=True)
class WriterSettings:
    """How the writer groups and bounds its work.

    Attributes:
        queue_items: Requests that may wait for the journal.
        queue_bytes: Bytes of them that may wait.
        group_items: Requests committed by one fsync.
        group_bytes: Bytes after which a group is not extended.
        checkpoint_seconds: The longest time between checkpoints while there is something to save.
        checkpoint_entries: Journal entries after which a checkpoint is made at once.
        checkpoint_bytes: Bytes of them after which one is made at once: senders wait while it is written.
        deferred_bytes: Bytes of acknowledged records, in memory, that may wait to be applied; past them senders wait.
        patience_seconds: For how long each step of closing a slot makes way for requests that are being received, and
            for how long entries are applied while others wait for the journal.
    """

    queue_items: int = 256
    queue_bytes: int = 64 * 1024 * 1024
    group_items: int = 64
    group_bytes: int = 4 * 1024 * 1024
    checkpoint_seconds: float = 2.0
    checkpoint_entries: int = 512
    checkpoint_bytes: int = 2 * 1024 * 1024
    deferred_bytes: int = 6 * 1024 * 1024
    patience_seconds: float = 0.02


class Phase(StrEnum):
    """What the writer is doing; only `READY` accepts."""

    STARTING = "starting: replaying the journal"
    READY = "ready"
    UNWRITABLE = "the state directory does not take writes"
    UNTIMELY = "the clock of this machine is behind events that it accepted before"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Writer:
    """Own the pipeline in one thread; everyone else hands work over and reads under a lock.

    Args:
        pipeline: Not restored yet.
        settings: Bounds.
        failed: Called once, from the writer's thread, if it ends because of an unexpected error.
        clock: Monotonic seconds.

    Attributes:
        receiving: How many requests are being received, decoded, written or answered.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        settings: WriterSettings | None = None,
        *,
        failed: Callable[[BaseException], None] = lambda _error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline = pipeline
        self._settings = settings or WriterSettings()
        self._failed = failed
        self._clock = clock
        self._queue: BoundedQueue[tuple[Work, Future[None]]] = BoundedQueue(
            items=self._settings.queue_items, size=self._settings.queue_bytes
        )
        self._refused: deque[tuple[ProcessorRejection, Quarantined | None]] = deque()
        self._lock = threading.Lock()
        self._holding = False  # the lock, by the thread of this writer
        self._busy = False  # something that is committed waits to be applied
        self._saved_at = self._yielded = clock()
        self.receiving: Callable[[], int] = lambda: 0
        self._thread = threading.Thread(target=self._run, name="otel-clinical-writer", daemon=True)
        self.phase = Phase.STARTING
        self.started = threading.Event()
        """Set when the journal is replayed and requests are accepted, or when that failed."""

    def start(self) -> None:
        """Begin: restore, then accept."""
        self._thread.start()

    def submit(self, work: Work) -> "Future[None]":
        """Hand one entry over; the future resolves when it is durable.

        Raises:
            UnavailableError: Not accepting, or as much waits as may. The future can carry it too.
        """
        if self.phase not in {Phase.READY, Phase.UNWRITABLE}:
            raise UnavailableError(f"the processor is not accepting ({self.phase})")
        done: Future[None] = Future()
        try:
            self._queue.put((work, done), work.size)
        except FullError as error:
            raise UnavailableError("the processor is busy") from error
        except ClosedError as error:
            raise UnavailableError("the processor is stopping") from error
        return done

    def refuse(self, reason: ProcessorRejection, description: Quarantined | None = None) -> None:
        """Count a refused request at the next turn; durable with the next checkpoint."""
        self._refused.append((reason, description))

    def read(self, look: Callable[[Kernel], Read]) -> Read:
        """Return what `look` sees in the kernel between two entries."""
        with self._lock:
            return look(self._pipeline.kernel)

    def counters(self) -> dict[Key, int]:
        """Return the durable counters as of now."""
        with self._lock:
            self._take_refused()
            return self._pipeline.tally.totals()

    def corrections(self) -> Corrections:
        """Return how much of the correction record is in use."""
        with self._lock:
            return self._pipeline.corrections

    @property
    def replayed(self) -> tuple[int, int]:
        """How many requests of the journal are applied, and how many there were at the start. For any thread."""
        return self._pipeline.replayed

    @property
    def newest(self) -> float | None:
        """Event time (Unix seconds) of the newest event; None before the first. For any thread."""
        return self._pipeline.kernel.newest

    @property
    def pending(self) -> int:
        """Journal entries that no checkpoint covers yet, and entries on their way there."""
        return self._pipeline.pending + len(self._queue)

    def close(self) -> None:
        """Take nothing more; what waits is still written."""
        self._queue.close()

    def join(self, timeout: float) -> bool:
        """Wait until what was waiting is written and saved; return whether that happened in `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return self.phase is Phase.STOPPED

    # -- the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with self._lock:
                self._pipeline.restore()
            self.phase = Phase.READY
            self.started.set()
            while not (self._queue.closed and not len(self._queue)):
                self._turn()
            self.phase = Phase.STOPPING
            self._finish()
            self._save()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the process must learn of it
            self.phase = Phase.FAILED
            self._failed(error)
        else:
            # An unsaved tail is still in the journal: the next start replays it.
            self.phase = Phase.STOPPED
        finally:
            self._let_go()
            self._queue.close()
            self._abandon()
            self._pipeline.close()
            self.started.set()

    def _turn(self) -> None:
        """Commit and apply one group, then checkpoint if it is time."""
        settings = self._settings
        wait = 0.0 if self._busy else max(0.0, self._saved_at + settings.checkpoint_seconds - self._clock())
        group = self._queue.take(timeout=wait, items=settings.group_items, size=settings.group_bytes)
        live = [(work, done) for work, done in group if done.set_running_or_notify_cancel()]
        if live:
            self._commit(live)
        self._work()
        if not self._pipeline.between:
            return
        overdue = self._clock() - self._saved_at >= settings.checkpoint_seconds
        full = self._pipeline.pending_bytes >= settings.checkpoint_bytes
        if overdue or full or self._pipeline.pending >= settings.checkpoint_entries:
            self._save()

    def _commit(self, group: "list[tuple[Work, Future[None]]]") -> None:
        """Journal a group and acknowledge it; it is applied when there is time."""
        works = together([work for work, _ in group])
        try:
            numbers = self._pipeline.commit(works)
        except StoreUnavailableError as error:
            self._unwritable(error)
            for _, done in group:
                done.set_exception(UnavailableError(str(error)))
            return
        self._writable()
        for _, done in group:
            done.set_result(None)
        self._pipeline.defer(numbers, works)
        self._busy = True

    def _work(self) -> None:
        """Apply what waits until a request is to be acknowledged: to close a slot takes long, and holds up no sender.

        Past the bound of what may wait it is worked off first, and senders wait after all.
        """
        if not self._busy:
            return
        self._hold()
        until = self._clock() + self._settings.patience_seconds
        while self._busy and not (self._bearable and self._called(until)):
            self._busy = self._pipeline.step()
        if self._pipeline.between:
            self._let_go()

    @property
    def _bearable(self) -> bool:
        return self._pipeline.deferred_bytes <= self._settings.deferred_bytes

    def _called(self, until: float) -> bool:
        """Say whether to turn to what waits in the queue; a step of closing a slot waits a little for it to come."""
        if self._pipeline.between:
            return bool(len(self._queue)) and self._clock() >= until
        if self._queue.closed or self._clock() - self._yielded < _WORK_SECONDS:
            return bool(len(self._queue))
        time.sleep(_YIELD_SECONDS)
        begun = self._clock()
        while not len(self._queue) and self.receiving() and self._clock() - begun < self._settings.patience_seconds:
            self._queue.wait(_LOOK_SECONDS)
        self._yielded = self._clock()
        return bool(len(self._queue))

    def _finish(self) -> None:
        """Apply everything that waits."""
        self._hold()
        while self._pipeline.step():
            pass
        self._let_go()

    def _hold(self) -> None:
        """Let nobody look at the kernel; across turns, if one ends within an entry."""
        if not self._holding:
            self._lock.acquire()
            self._holding = True

    def _let_go(self) -> None:
        if self._holding:
            self._holding = False
            self._lock.release()

    def _save(self) -> None:
        """Checkpoint if there is anything to save, or to find out whether the disk takes writes again."""
        self._saved_at = self._clock()
        with self._lock:
            self._take_refused()
            if not self._pipeline.dirty and self.phase is not Phase.UNWRITABLE:
                return
            try:
                self._pipeline.checkpoint()
            except StoreUnavailableError as error:
                self._unwritable(error)
            else:
                self._writable()

    def _unwritable(self, error: StoreUnavailableError) -> None:
        if self.phase is not Phase.UNWRITABLE:
            _LOG.error("%s; requests are turned away until it does", error)
        self.phase = Phase.UNWRITABLE

    def _writable(self) -> None:
        if self.phase is Phase.UNWRITABLE:
            _LOG.warning("the state directory takes writes again")
            self.phase = Phase.READY

    def _take_refused(self) -> None:
        while self._refused:
            self._pipeline.refuse(*self._refused.popleft())

    def _abandon(self) -> None:
        """Tell whoever still waits to send it again."""
        while group := self._queue.take(timeout=0, items=1, size=1):
            for _, done in group:
                if done.set_running_or_notify_cancel():
                    done.set_exception(UnavailableError("the processor is stopping"))
