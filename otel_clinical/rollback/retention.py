"""Archive audit events past their retention, and remove them without breaking the chain."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import audit

if TYPE_CHECKING:
    from pathlib import Path

RETENTION: Final = 2_192 * 86_400.0
"""Seconds for which events are kept at least: six years (45 CFR 164.316(b)(2)(i))."""
_TRIGGERS: Final = ("audit_no_delete", "checkpoints_no_delete")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed: how many events, up to which, and the hash of the archive that holds them."""

    events: int
    through: int
    archive: str


def prune(database: Path, before: float, archive: Path, *, by: str, now: float) -> Pruned:
    """Move the events of before `before` (Unix seconds) into `archive`, as `audit export` writes them.

    The chain goes on from the last event that was removed, and an event says so; the archive can be checked by
    itself, and against every checkpoint of its time.

    Raises:
        AuditBrokenError: the chain does not hold: what is broken is not archived as if it were whole.
        FileExistsError: there is an archive of this name.
        ValueError: `before` is inside the retention, or there is nothing of before it.
    """
    if before > now - RETENTION:
        raise ValueError(f"events are kept for at least {RETENTION / 86_400:.0f} days; name an earlier day")
    audit.verify_file(database)
    with closing(sqlite3.connect(database, isolation_level=None, timeout=10.0)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            done = _move(connection, before, archive, by=by, now=now)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return done


def _move(connection: sqlite3.Connection, before: float, archive: Path, *, by: str, now: float) -> Pruned:
    row = connection.execute("SELECT max(seq) FROM audit WHERE time < ?", (before,)).fetchone()
    # The chain may not become empty: its head is what the next event is chained to.
    through = min(row[0] or 0, audit.head(connection).seq - 1)
    first = audit.origin(connection)
    if through <= first.seq:
        raise ValueError("there is no event of before that day")
    digest, last = _write(connection, first, through, archive)
    for trigger in _TRIGGERS:
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("DELETE FROM audit WHERE seq <= ?", (through,))
    connection.execute("DELETE FROM checkpoints WHERE seq <= ?", (through,))
    connection.execute("INSERT OR REPLACE INTO audit_anchor VALUES (1, ?, ?)", (last.seq, last.hash))
    for statement in audit.KEEPERS:
        connection.execute(statement)
    done = Pruned(through - first.seq, through, digest)
    data = {**asdict(done), "hash": last.hash, "before": before}
    audit.append(connection, now, audit.PRUNED, "audit", data, actor=by)
    return done


def _write(
    connection: sqlite3.Connection, first: audit.Checkpoint, through: int, archive: Path
) -> tuple[str, audit.Checkpoint]:
    """Write the archive durably and return its hash and its last event."""
    digest, last = hashlib.sha256(), first
    with archive.open("x", encoding="utf-8") as file:
        for event in audit.events(connection, after=first.seq, limit=through - first.seq):
            line = audit.canonical({**asdict(event), "previous": last.hash}) + "\n"
            file.write(line)
            digest.update(line.encode())
            last = audit.Checkpoint(event.seq, event.hash)
        file.flush()
        os.fsync(file.fileno())
    return f"sha256:{digest.hexdigest()}", last
