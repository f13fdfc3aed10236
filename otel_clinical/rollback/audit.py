"""Chain audit events by hash, so that an edit, a gap or a swap of any of them shows.

Each event's hash covers the hash before it and the event's canonical JSON. A chain alone cannot show that its
tail was cut or that all of it was rewritten: compare with a `Checkpoint` that was kept elsewhere, such as the
sequence and head hash in a notification, a report or Prometheus.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

GENESIS: Final = "0" * 64

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS audit (
    seq INTEGER PRIMARY KEY, time REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    object TEXT NOT NULL, data TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS audit_object ON audit (object, seq);
-- Asked for at every scrape: without it a million events are read each time, while nothing else can be stored.
CREATE INDEX IF NOT EXISTS audit_action ON audit (action, seq);
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_in_order BEFORE INSERT ON audit
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- Where the chain begins once events past their retention were archived and removed.
CREATE TABLE IF NOT EXISTS audit_anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS checkpoints (
    seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, time REAL NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS checkpoints_no_update BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
"""
KEEPERS: Final = (
    """CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;""",
    """CREATE TRIGGER IF NOT EXISTS checkpoints_no_delete BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;""",
)
"""What keeps rows from being removed but by their retention."""
SCHEMA: Final = _TABLES + "\n".join(KEEPERS)
PRUNED: Final = "audit.pruned"
_DIGITS: Final = 13


Row = tuple[int, float, str, str, str, str]
"""Sequence, time, actor, action, object and data as canonical JSON: all that a hash covers."""


class AuditBrokenError(ValueError):
    """The chain does not hold; the message names the first event that is wrong."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One audited fact: who did what to which object, when (Unix seconds), with the chain's hash."""

    seq: int
    time: float
    actor: str
    action: str
    object: str
    data: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the chain at some moment."""

    seq: int
    hash: str

    @property
    def digest(self) -> int:
        """Return the hash's first 52 bits, which a sample of Prometheus holds exactly: a witness kept elsewhere.

        >>> Checkpoint(1, "f" * 64).digest == 2**52 - 1
        True
        """
        return int(self.hash[:_DIGITS], 16)


def canonical(value: object) -> str:
    """Return JSON in one form only: sorted keys, no spaces, no NaN.

    >>> canonical({"b": 1, "a": [None]})
    '{"a":[null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def chain_hash(previous: str, row: Row) -> str:
    """Return the hash of an event, given the one before it."""
    return hashlib.sha256((previous + canonical(row)).encode()).hexdigest()


def append(
    connection: sqlite3.Connection, time: float, action: str, object_: str, data: Mapping[str, Any], *, actor: str
) -> None:
    """Add one event to the chain, inside the caller's transaction."""
    last = head(connection)
    row: Row = (last.seq + 1, time, actor, action, object_, canonical(data))
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, chain_hash(last.hash, row)))


def head(connection: sqlite3.Connection) -> Checkpoint:
    """Return the newest event's sequence and hash; (0, GENESIS) before the first."""
    row = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Checkpoint(*row) if row else Checkpoint(0, GENESIS)


def events(
    connection: sqlite3.Connection, *, after: int = 0, limit: int = -1, about: str | None = None
) -> Iterator[AuditEvent]:
    """Yield events in order, optionally those about one object."""
    where, arguments = ("AND object = ?", (about,)) if about is not None else ("", ())
    rows = connection.execute(
        f"SELECT * FROM audit WHERE seq > ? {where} ORDER BY seq LIMIT ?",  # noqa: S608 -- a constant
        (after, *arguments, limit),
    )
    for seq, time, actor, action, object_, data, hash_ in rows:
        yield AuditEvent(seq, time, actor, action, object_, json.loads(data), hash_)


def of_actions(connection: sqlite3.Connection, actions: Iterable[str]) -> list[AuditEvent]:
    """Return every event of some actions, the oldest first."""
    wanted = tuple(actions)
    marks = ", ".join("?" * len(wanted))
    rows = connection.execute(f"SELECT * FROM audit WHERE action IN ({marks}) ORDER BY seq", wanted)  # noqa: S608 -- marks
    return [AuditEvent(seq, at, who, what, of, json.loads(data), hash_) for seq, at, who, what, of, data, hash_ in rows]


def newest(connection: sqlite3.Connection, last: int, limit: int, about: str = "") -> list[AuditEvent]:
    """Return up to `limit` events no later than sequence `last`, the newest first, optionally about one object."""
    where, arguments = ("AND object = ?", (about,)) if about else ("", ())
    rows = connection.execute(
        f"SELECT * FROM audit WHERE seq <= ? {where} ORDER BY seq DESC LIMIT ?",  # noqa: S608 -- a constant
        (last, *arguments, limit),
    )
    return [AuditEvent(seq, at, who, what, of, json.loads(data), hash_) for seq, at, who, what, of, data, hash_ in rows]


def origin(connection: sqlite3.Connection) -> Checkpoint:
    """Return the last event that was removed after its retention; (0, GENESIS) where none was."""
    row = connection.execute("SELECT seq, hash FROM audit_anchor").fetchone()
    return Checkpoint(*row) if row else Checkpoint(0, GENESIS)


def verify(
    rows: Iterable[tuple[int, float, str, str, str, str, str]],
    against: Checkpoint | None = None,
    start: Checkpoint | None = None,
    kept: Iterable[Checkpoint] = (),
    *,
    partial: bool = False,
) -> Checkpoint:
    """Check the whole chain and return its head.

    Args:
        rows: Every row of the table in order.
        against: A checkpoint kept elsewhere that the chain must contain.
        start: What came before the first row, where earlier events were archived.
        kept: Checkpoints that the chain must contain as well, as far as it begins before them.
        partial: The rows are a part of the chain: what came before need not be said to be archived.

    Raises:
        AuditBrokenError: an event is missing, edited, out of order, or a checkpoint is not in the chain.
    """
    last = first = start or Checkpoint(0, GENESIS)
    expected = {checkpoint.seq: checkpoint for checkpoint in kept if checkpoint.seq > first.seq}
    seen = against is None or against == first
    admitted = partial or first.seq == 0
    for *covered, hash_ in rows:
        row = cast("Row", tuple(covered))
        seq = row[0]
        if seq != last.seq + 1:
            raise AuditBrokenError(f"event {last.seq + 1} is missing; the next one is {seq}")
        if chain_hash(last.hash, row) != hash_:
            raise AuditBrokenError(f"event {seq} or the one before it was changed after it was written")
        last = Checkpoint(seq, hash_)
        seen = seen or last == against
        if expected.get(seq, last) != last:
            raise AuditBrokenError(f"event {seq} is not the one that checkpoint {seq} was made of")
        admitted = admitted or _admits(row, first)
    if not seen and against is not None:
        raise AuditBrokenError(
            f"checkpoint {against.seq} is not in the chain, which ends at {last.seq}: events were cut off or rewritten"
        )
    if expected and max(expected) > last.seq:
        raise AuditBrokenError(f"checkpoint {max(expected)} is beyond the chain, which ends at {last.seq}: cut off")
    if not admitted:
        raise AuditBrokenError(f"events up to {first.seq} are missing, and no event says that they were archived")
    return last


def _admits(row: Row, first: Checkpoint) -> bool:
    """Tell whether an event says that everything up to `first` was archived."""
    if row[3] != PRUNED:
        return False
    said = json.loads(row[5])
    return (said.get("through"), said.get("hash")) == (first.seq, first.hash)


def open_read_only(database: Path) -> closing[sqlite3.Connection]:
    """Open a controller's database for reading only; raise `FileNotFoundError` where there is none."""
    if not database.is_file():
        raise FileNotFoundError(f"{database}: no controller database; name the controller's --state directory")
    return closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True))


def verify_file(database: Path, against: Checkpoint | None = None) -> Checkpoint:
    """Check the chain in a controller's database; raises as `verify` and `open_read_only` do."""
    with open_read_only(database) as connection:
        try:
            connection.execute("BEGIN")
            kept = [Checkpoint(*row) for row in connection.execute("SELECT seq, hash FROM checkpoints ORDER BY seq")]
            return verify(connection.execute("SELECT * FROM audit ORDER BY seq"), against, origin(connection), kept)
        except sqlite3.DatabaseError as error:
            raise AuditBrokenError(f"the database cannot be read: {error}") from None


def verify_lines(lines: Iterable[str], against: Checkpoint | None = None) -> Checkpoint:
    """Check an export by itself, from whatever event it begins with; raises as `verify` does.

    Only a checkpoint ties an export that begins later than the chain to what came before it.
    """
    rows, start = [], None
    try:
        for line in lines:
            event = json.loads(line)
            row = (event["seq"], event["time"], event["actor"], event["action"], event["object"])
            rows.append((*row, canonical(event["data"]), event["hash"]))
            start = start or Checkpoint(int(event["seq"]) - 1, str(event["previous"]))
    except (ValueError, KeyError, TypeError):
        raise AuditBrokenError(f"line {len(rows) + 1} is no event; expected what `audit export` writes") from None
    return verify(rows, against, start, partial=True)


def export_file(database: Path, after: int = 0) -> Iterator[str]:
    """Yield every event as one line of JSON, with the hash before it, so that a part can be checked by itself."""
    with open_read_only(database) as connection:
        row = connection.execute("SELECT hash FROM audit WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (after,)).fetchone()
        previous = row[0] if row else origin(connection).hash
        for event in events(connection, after=after):
            yield canonical({**asdict(event), "previous": previous})
            previous = event.hash
