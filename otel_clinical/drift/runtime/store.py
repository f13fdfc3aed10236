"""Durable state: one SQLite file that a kill at any moment leaves consistent."""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from otel_clinical.drift.runtime._backfill import Backfill
from otel_clinical.drift.runtime._entry import Entry, Quarantined
from otel_clinical.drift.runtime._faults import FaultPoint, Faults
from otel_clinical.drift.runtime._lock import DirectoryLock, StateDirectoryError, refuse_network_file_system
from otel_clinical.drift.runtime._mark import Mark
from otel_clinical.drift.runtime._schema import SchemaError, migrate
from otel_clinical.drift.runtime._seal import META, Seal, SealError, counter_row, state_row
from otel_clinical.drift.runtime._trouble import trouble

Counters = Mapping[tuple[str, tuple[str, ...]], int]

DATABASE = "state.db"
LOCK = "state.lock"
MARK = "state.mark"
QUARANTINE_ROWS = 10_000
OUTBOX_ROWS = 10_000
CORRECTION_ROWS = 50_000
_DROPPED = "corrections_dropped"
_PUT = "INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET blob = excluded.blob"  # in its place
_WAL_BYTES = 64 * 1024 * 1024
_PAGE_BYTES = 16 * 1024  # of a new file: states are long, and each page of them has a cost of its own
_COPIED_BYTES = 8 * 1024 * 1024  # of the log
_LONGEST = 8  # times as much, at which a commit copies the log after all


class StoreUnavailableError(RuntimeError):
    """The disk did not take the write; nothing of it is kept and it may be tried again."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything one checkpoint makes durable together.

    Attributes:
        through: The journal may be trimmed up to and including this sequence number.
        states: Changed kernel states by key; an empty value removes the key.
        counters: Changed counters, as totals.
        outbox: What happened since the last one: content-derived id -> payload (JSON).
        quarantined: Refused requests that never reached the journal.
        corrections: Late records: kind and id -> content (JSON).
        dropped: Late records that were too many to be among them.
    """

    through: int
    states: Mapping[str, bytes] = field(default_factory=dict)
    counters: Counters = field(default_factory=dict)
    outbox: Mapping[str, str] = field(default_factory=dict)
    quarantined: tuple[Quarantined, ...] = ()
    corrections: Mapping[str, str] = field(default_factory=dict)
    dropped: int = 0


@dataclass(frozen=True)
class Corrections:
    """The record of what came too late.

    Attributes:
        kept: Records in it.
        dropped: Records that were pushed out of it, ever.
    """

    kept: int
    dropped: int

    @property
    def used(self) -> float:
        """Share of it that is in use."""
        return self.kept / CORRECTION_ROWS


class Store:
    """The state directory of one processor: journal, kernel states, counters, outbox, quarantine.

    Used by one thread at a time. Opening takes the directory's lock, verifies the file and brings its schema up
    to date.

    Args:
        directory: Created if missing, readable by this user only.
        faults: Where to die, in tests.

    Raises:
        StateDirectoryError: Locked by another process, on a network file system, damaged, or not ours.
    """

    def __init__(self, directory: Path, faults: Faults | None = None) -> None:
        self._faults = faults or Faults({})
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            refuse_network_file_system(directory)
            self._lock = DirectoryLock(directory / LOCK)
        except OSError as error:
            raise StateDirectoryError(trouble(directory / DATABASE, error)) from error
        self._path = directory / DATABASE
        with ExitStack() as undo:
            undo.callback(self._lock.close)
            self._mark = Mark(directory / MARK)
            undo.callback(self._mark.close)
            if not self._path.exists():
                _require_promised(self._path, self._mark, 0)
            self._connection, self._seal = open_database(self._path)
            undo.callback(self._connection.close)
            self._backfill = Backfill(self._path, _copied_pages(self._connection))
            _require_promised(self._path, self._mark, self.last_sequence())
            undo.pop_all()

    # -- start ------------------------------------------------------------------------------------------------

    def states(self) -> dict[str, bytes]:
        """Return every kernel state as of the last checkpoint."""
        return dict(self._connection.execute("SELECT key, blob FROM state ORDER BY key"))

    def counters(self) -> dict[tuple[str, tuple[str, ...]], int]:
        """Return every counter as of the last checkpoint: (name, label values) -> total."""
        return read_counters(self._connection)

    def journal(self) -> Iterator[tuple[int, Entry | ValueError]]:
        """Yield (sequence number, entry) of everything not yet in a checkpoint, oldest first.

        An entry that was marked as poison is skipped; one that fails its checksum is yielded as the error.
        """
        rows = self._connection.execute(
            "SELECT seq, received, signal, rejections, crc, batch FROM journal WHERE poison IS NULL ORDER BY seq"
        )
        for seq, *columns in rows.fetchall():
            try:
                yield seq, Entry.from_row(*columns)
            except ValueError as error:
                yield seq, error

    def last_sequence(self) -> int:
        """Return the newest journal sequence number ever given out, 0 before the first."""
        return last_sequence(self._connection)

    def meta(self, name: str) -> str | None:
        """Return one remembered setting."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    @property
    def corrections(self) -> Corrections:
        """How much of the correction record is in use."""
        return read_corrections(self._connection)

    def remember(self, name: str, value: str) -> None:
        """Keep one setting across restarts."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # -- run --------------------------------------------------------------------------------------------------

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Write `entries` to the journal with one fsync and return their sequence numbers.

        Raises:
            StoreUnavailableError: None of them is durable.
        """
        insert = "INSERT INTO journal (received, signal, rejections, crc, batch) VALUES (?, ?, ?, ?, ?)"
        self._backfill.finish(self._connection)
        with self._transaction():
            numbers = [self._connection.execute(insert, entry.row()).lastrowid or 0 for entry in entries]
            self._quarantine(q for entry in entries for q in entry.quarantined)
            self._faults.passing(FaultPoint.MID_JOURNAL)
        self._mark.write(numbers[-1])
        self._faults.passing(FaultPoint.AFTER_JOURNAL)
        return numbers

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Make states, counters and outbox durable and trim the journal, all or nothing.

        Raises:
            StoreUnavailableError: Nothing changed on disk.
        """
        removed = [(key,) for key, blob in checkpoint.states.items() if not blob]
        kept = sorted((key, blob) for key, blob in checkpoint.states.items() if blob)  # page after page
        counters = [(name, json.dumps(labels), value) for (name, labels), value in checkpoint.counters.items()]
        outbox = [(key, checkpoint.through, payload) for key, payload in checkpoint.outbox.items()]
        changes: dict[str, bytes | None] = {state_row(key): blob or None for key, blob in checkpoint.states.items()}
        changes |= {counter_row(name, labels): json.dumps(value).encode() for name, labels, value in counters}
        seal = self._seal.after(changes, checkpoint.through)
        with self._transaction():
            run = self._connection.executemany
            run(_PUT, kept)
            run("DELETE FROM state WHERE key = ?", removed)
            self._faults.passing(FaultPoint.MID_CHECKPOINT)
            run("INSERT OR REPLACE INTO counter VALUES (?, ?, ?)", counters)
            run("INSERT OR IGNORE INTO outbox VALUES (?, ?, ?)", outbox)
            run("DELETE FROM outbox WHERE rowid <= (SELECT max(rowid) FROM outbox) - ?", [(OUTBOX_ROWS,)])
            run("DELETE FROM journal WHERE seq <= ? AND poison IS NULL", [(checkpoint.through,)])
            self._quarantine(checkpoint.quarantined)
            self._correct(checkpoint.corrections, checkpoint.dropped)
            run(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", [("checkpoint_time", repr(time.time())), (META, seal.text)]
            )
        self._seal.accept(seal)
        self._backfill.ask()
        self._faults.passing(FaultPoint.AFTER_CHECKPOINT)

    def poison(self, seq: int, reason: str) -> None:
        """Set one journal entry aside, so that no start applies it again; it is kept for diagnosis.

        Raises:
            StoreUnavailableError: It is not marked.
        """
        with self._transaction():
            self._connection.execute("UPDATE journal SET poison = ? WHERE seq = ?", (reason, seq))

    def forget_set_aside(self) -> None:
        """Let the journal give back the entries that were set aside.

        Raises:
            StoreUnavailableError: They stay set aside.
        """
        with self._transaction():
            self._connection.execute("UPDATE journal SET poison = NULL")

    def close(self) -> None:
        """Close the file and release the directory."""
        self._backfill.close()
        self._connection.close()
        self._mark.close()
        self._lock.close()

    def _quarantine(self, descriptions: Iterable[Quarantined]) -> None:
        """Insert descriptions and drop the oldest past the bound."""
        now = time.time()
        rows = [(now, q.signal, q.reason, q.detail, q.size, q.digest) for q in descriptions]
        if not rows:
            return
        self._connection.executemany(
            "INSERT INTO quarantine (received, signal, reason, detail, size, digest) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
        self._connection.execute(
            "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (QUARANTINE_ROWS,)
        )

    def _correct(self, records: Mapping[str, str], dropped: int) -> None:
        """Insert late records, drop the oldest past the bound, and count those."""
        if not records:
            return
        run = self._connection.execute
        self._connection.executemany("INSERT OR IGNORE INTO correction (key, content) VALUES (?, ?)", records.items())
        (kept,) = run("SELECT count(*) FROM correction").fetchone()
        surplus = max(0, kept - CORRECTION_ROWS)
        run("DELETE FROM correction WHERE id IN (SELECT id FROM correction ORDER BY id LIMIT ?)", (surplus,))
        if surplus or dropped:
            total = self.corrections.dropped + surplus + dropped
            run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_DROPPED, str(total)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run the body in one write transaction; a disk error undoes it and becomes `StoreUnavailableError`."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailableError(f"the state directory does not take writes ({error})") from error
            raise


def check_mark(database: Path, mark: Path, last: int) -> None:
    """Require that every request that was acknowledged is known to a database, whose newest is `last`.

    Raises:
        StateDirectoryError: It is not; the message says what to do.
    """
    if mark.exists():
        with closing(Mark(mark)) as opened:
            _require_promised(database, opened, last)


def _require_promised(database: Path, mark: Mark, last: int) -> None:
    promised = mark.read()
    if promised > last:
        raise StateDirectoryError(
            f"{database}: holds requests up to number {last}, but {promised} was acknowledged: the file or its "
            "-wal was removed, cut short, damaged or replaced by an older one; bring it back, restore a backup "
            f"with `otel-clinical processor restore`, or delete {mark.path} to go on without those requests"
        )


def read_counters(connection: sqlite3.Connection) -> dict[tuple[str, tuple[str, ...]], int]:
    """Return the counters in a state file: (name, label values) -> total."""
    rows = connection.execute("SELECT name, labels, value FROM counter")
    return {(name, tuple(json.loads(labels))): value for name, labels, value in rows}


def last_sequence(connection: sqlite3.Connection) -> int:
    """Return the newest journal sequence number ever given out in a state file, 0 before the first."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").fetchone()
    return int(row[0]) if row else 0


def read_corrections(connection: sqlite3.Connection) -> Corrections:
    """Return how much of the correction record in a state file is in use; one of an older version has none."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'correction'").fetchone():
        return Corrections(0, 0)
    (kept,) = connection.execute("SELECT count(*) FROM correction").fetchone()
    dropped = connection.execute("SELECT value FROM meta WHERE name = ?", (_DROPPED,)).fetchone()
    return Corrections(int(kept), int(dropped[0]) if dropped else 0)


def _copied_pages(connection: sqlite3.Connection) -> int:
    """Return the length of the log, in pages, at which it is copied."""
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return _COPIED_BYTES // int(size)


def open_database(path: Path, of: Path | None = None) -> tuple[sqlite3.Connection, Seal]:
    """Open, verify and migrate the database.

    Args:
        path: The file.
        of: What it is a copy of, by which an error names it.

    Raises:
        StateDirectoryError: Damaged, not ours, from a newer version, or the disk takes no writes.
    """
    try:
        path.touch(mode=0o600)  # SQLite gives its -wal and -shm files the mode of this one
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StateDirectoryError(trouble(of or path, error)) from error
    try:
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # a file that exists keeps its own
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint={_LONGEST * _copied_pages(connection)}")
        problems = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
        if problems != ["ok"]:
            raise sqlite3.DatabaseError("; ".join(problems))
        migrate(connection)
        seal = Seal.of(connection)
        seal.verify(connection)
    except (sqlite3.Error, SchemaError, SealError) as error:
        connection.close()
        raise StateDirectoryError(trouble(of or path, error)) from error
    return connection, seal
