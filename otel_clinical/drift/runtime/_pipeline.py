"""Journal, apply, checkpoint: the steps of the processor, in one thread and without waiting."""

import hashlib
import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from otel_clinical._version import __version__
from otel_clinical.drift.explode import Batch
from otel_clinical.drift.kernel import Applied, DriftDetected, Kernel, Transition
from otel_clinical.drift.runtime._detections import detection_labels, direction
from otel_clinical.drift.runtime._entry import Entry, Quarantined
from otel_clinical.drift.runtime._faults import FaultPoint, Faults
from otel_clinical.drift.runtime._tally import Tally
from otel_clinical.drift.runtime.store import CORRECTION_ROWS, Checkpoint, Corrections, Store
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import ProcessorRejection, ProcessorSignal

_LOG = logging.getLogger(__name__)

_VERSION = "version"
_ASIDE_IN_A_ROW = 3

_EVENTS = metrics.PROCESSOR_EVENTS.prometheus
_REJECTIONS = metrics.PROCESSOR_REJECTIONS.prometheus
_DETECTIONS = metrics.DRIFT_DETECTIONS.prometheus
_ZEROS = [(_EVENTS, (str(signal),)) for signal in ProcessorSignal] + [
    (_REJECTIONS, (str(reason),)) for reason in ProcessorRejection
]


@dataclass(frozen=True)
class Work:
    """One entry on its way: what is journaled, and the batch it decodes to (None: no valid record).

    The batch in `entry` may still be empty before it is written: see `together`.
    """

    entry: Entry
    batch: Batch | None

    @property
    def records(self) -> int:
        """How many records it brings."""
        return 0 if self.batch is None else len(self.batch)

    @property
    def size(self) -> int:
        """Bytes of its records in memory: what it takes to hold it, and about what it takes to apply it."""
        return 0 if self.batch is None else self.batch.rows.nbytes


class Pipeline:
    """Apply the journal to the kernel exactly once, whatever happens to the process in between.

    The kernel and the counters in memory are always a function of (last checkpoint, journal after it). An entry
    the kernel cannot apply is set aside and everything since the checkpoint is replayed without it; another version
    of this program tries it again. Several in a row are a defect of the whole, and end the process.

    Args:
        store: Open state directory.
        build: Makes an empty kernel.
        faults: Where to die, in tests.
    """

    def __init__(self, store: Store, build: Callable[[], Kernel], faults: Faults | None = None) -> None:
        self._store = store
        self._build = build
        self._faults = faults or Faults({})
        self.kernel = build()
        self.tally = Tally({}, _ZEROS)
        self._committed = self._applied = self._through = 0
        self.replayed = 0, 0
        """How many requests of the journal are applied, and how many there were at the start."""
        self._states: dict[str, bytes] = {}
        self._outbox: dict[str, str] = {}
        self._corrections: dict[str, str] = {}
        self._dropped = 0  # late records since the checkpoint that did not even fit into `_corrections`
        self._quarantined: list[Quarantined] = []
        self._failed, self._failures = 0, 0  # the newest entry set aside, and how many in a row
        self._deferred: deque[tuple[int, Work]] = deque()
        self._advancing: tuple[int, Iterator[bool]] | None = None
        self.deferred_bytes = 0
        """Bytes of the records that wait to be applied, in memory."""
        self.pending_bytes = 0
        """Bytes applied since the last checkpoint."""
        self._refused: Counter[str] = Counter()  # counted since the checkpoint and in no journal entry

    @property
    def pending(self) -> int:
        """Journal entries that no checkpoint covers yet."""
        return self._committed - self._through

    @property
    def corrections(self) -> Corrections:
        """How much of the correction record is in use, as of the last checkpoint."""
        return self._store.corrections

    @property
    def dirty(self) -> bool:
        """Whether a checkpoint would save anything."""
        return bool(self.pending or self.tally.changes() or self._states or self._quarantined)

    def restore(self) -> None:
        """Load the last checkpoint and replay the journal after it.

        Raises:
            StoreUnavailableError: An entry must be set aside and the disk takes no writes.
            CodecError: A saved state is damaged.
            Exception: Whatever the kernel raised, when it could apply none of several entries in a row.
        """
        if self._store.meta(_VERSION) != __version__:
            self._store.forget_set_aside()
            self._store.remember(_VERSION, __version__)
        while not self._try_restore():
            pass

    def commit(self, works: Sequence[Work]) -> list[int]:
        """Write `works` to the journal with one fsync; after it they may be acknowledged.

        Raises:
            StoreUnavailableError: None of them may be.
        """
        numbers = self._store.append([work.entry for work in works])
        self._committed = numbers[-1]
        self._faults.passing(FaultPoint.BEFORE_ACK)
        return numbers

    def apply(self, numbers: Sequence[int], works: Sequence[Work]) -> None:
        """Feed committed `works` to the kernel, in journal order, and everything that waits before them.

        Raises:
            StoreUnavailableError: An entry must be set aside and the disk takes no writes.
        """
        self.defer(numbers, works)
        while self.step():
            pass

    def defer(self, numbers: Sequence[int], works: Sequence[Work]) -> None:
        """Let committed `works` wait until `step` comes to them."""
        self._deferred.extend(zip(numbers, works, strict=True))
        self.deferred_bytes += sum(work.size for work in works)

    @property
    def between(self) -> bool:
        """Whether the kernel is between two entries, so that it may be looked at and saved."""
        return self._advancing is None

    def step(self) -> bool:
        """Do a few milliseconds of the work that waits; say whether there is more.

        Raises:
            StoreUnavailableError: An entry must be set aside and the disk takes no writes.
        """
        if self._advancing is None:
            if not self._deferred:
                return False
            number, work = self._deferred.popleft()
            self.deferred_bytes -= work.size
            self.pending_bytes += len(work.entry.batch)
            self._advancing = number, self._applying(number, work.entry, work.batch)
        number, steps = self._advancing
        try:
            unfinished = next(steps, None) is not None
        except Exception as error:  # noqa: BLE001  # a defect in the kernel must not stop the other streams
            self._set_aside(number, error)
            self.restore()
            return False
        if not unfinished:
            self._advancing = None
            self._faults.passing(FaultPoint.AFTER_APPLY)
        return unfinished or bool(self._deferred)

    def refuse(self, reason: ProcessorRejection, description: Quarantined | None = None) -> None:
        """Count a request that never reached the journal."""
        self.tally.add(_REJECTIONS, reason)
        self._refused[reason] += 1
        if description is not None:
            self._quarantined.append(description)

    def checkpoint(self) -> None:
        """Make everything applied so far durable and trim the journal.

        Raises:
            StoreUnavailableError: Nothing is lost; the next checkpoint carries it.
        """
        if not self.between:
            raise RuntimeError("a kernel in the middle of an entry cannot be saved")
        self._states |= self.kernel.dump_dirty()
        self._faults.passing(FaultPoint.BEFORE_CHECKPOINT)
        self._store.checkpoint(
            Checkpoint(
                through=self._applied,
                states=self._states,
                counters=self.tally.changes(),
                outbox=self._outbox,
                quarantined=tuple(self._quarantined),
                corrections=self._corrections,
                dropped=self._dropped,
            )
        )
        self._through, self.pending_bytes = self._applied, 0
        self._states, self._outbox, self._corrections, self._quarantined = {}, {}, {}, []
        self._dropped = 0
        self.tally.saved()
        self._refused.clear()

    def close(self) -> None:
        """Close the state directory."""
        self._store.close()

    def _try_restore(self) -> bool:
        """Rebuild from disk; on an entry that cannot be applied set it aside and return False."""
        self._deferred.clear()  # the journal has them too
        self._advancing, self.deferred_bytes = None, 0
        self.kernel = self._build()
        for sentence in self.kernel.load(self._store.states()):
            _LOG.warning("%s", sentence)
        self.tally = Tally(self._store.counters(), _ZEROS)
        for reason, count in self._refused.items():
            self.tally.add(_REJECTIONS, reason, count=count)
        self._states, self._outbox, self._corrections = {}, {}, {}
        self._dropped = 0
        entries = list(self._store.journal())
        self._committed = self._store.last_sequence()
        self._applied = self._through = entries[0][0] - 1 if entries else self._committed
        for place, (number, entry) in enumerate(entries):
            self.replayed = place, len(entries)
            try:
                self._replay(number, entry)
            except Exception as error:  # noqa: BLE001  # the same as in `apply`
                self._set_aside(number, error)
                return False
        self.replayed = len(entries), len(entries)
        self._applied = self._committed  # what is not applied is set aside
        return True

    def _replay(self, number: int, entry: Entry | ValueError) -> None:
        """Apply one entry as read back from the journal."""
        if isinstance(entry, ValueError):
            raise entry
        for _ in self._applying(number, entry, Batch.from_bytes(entry.batch) if entry.batch else None):
            pass
        self._faults.passing(FaultPoint.MID_REPLAY)

    def _set_aside(self, number: int, error: Exception) -> None:
        """Mark an entry so that this version never applies it again, and count it.

        Raises:
            Exception: The error itself, if it is one of several in a row.
        """
        self._failed, self._failures = number, self._failures + 1
        if self._failures >= _ASIDE_IN_A_ROW:
            raise error
        _LOG.error("journal entry %d cannot be applied (%s); it is set aside", number, type(error).__name__)
        self._store.poison(number, type(error).__name__)
        self._refused[ProcessorRejection.UNDECODABLE] += 1

    def _applying(self, number: int, entry: Entry, batch: Batch | None) -> Iterator[bool]:
        """Change the kernel and the counters by one entry, a few milliseconds before each `yield`."""
        for reason, count in entry.rejections.items():
            self.tally.add(_REJECTIONS, reason, count=count)
        if batch is not None:
            applied = self.kernel.apply(batch)
            self._count(applied)
            for transitions in self.kernel.advancing():
                self._announce(transitions)
                yield True
        self._applied = number
        if number > self._failed:
            self._failures = 0

    def _count(self, applied: Applied) -> None:
        for signal, count in applied.events.items():
            self.tally.add(_EVENTS, signal, count=count)
        self.tally.add(_REJECTIONS, ProcessorRejection.LATE, count=applied.late)
        self.tally.add(_REJECTIONS, ProcessorRejection.DUPLICATE, count=applied.duplicates)
        for one in applied.corrections:
            key = f"{one.kind}/{one.event}"
            if key not in self._corrections:
                self._corrections[key] = json.dumps(asdict(one), sort_keys=True)
        while len(self._corrections) > CORRECTION_ROWS:  # more than the record holds, in one turn
            del self._corrections[next(iter(self._corrections))]
            self._dropped += 1

    def _announce(self, transitions: Iterable[Transition]) -> None:
        """Count detections and put every transition into the outbox, under an id made of its content."""
        for transition in transitions:
            if isinstance(transition, DriftDetected):
                self.tally.add(_DETECTIONS, *detection_labels(transition.row, direction(transition.row)))
            payload = json.dumps({"kind": type(transition).__name__} | asdict(transition), sort_keys=True)
            self._outbox[hashlib.sha256(payload.encode()).hexdigest()] = payload
