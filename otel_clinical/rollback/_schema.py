"""The tables of the controller's database, and how a database of an earlier release comes to have them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import acts, audit, once, watching

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = 4
_SCHEMA: Final = (
    """
CREATE TABLE IF NOT EXISTS webhooks (id INTEGER PRIMARY KEY, received REAL NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alerts (
    id INTEGER PRIMARY KEY, webhook INTEGER NOT NULL, data TEXT NOT NULL, processed REAL
) STRICT;
CREATE INDEX IF NOT EXISTS alerts_waiting ON alerts (id) WHERE processed IS NULL;
CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, cause TEXT NOT NULL, segment_name TEXT NOT NULL,
    segment_value TEXT NOT NULL, activation INTEGER NOT NULL, opened REAL NOT NULL, data TEXT NOT NULL,
    UNIQUE (model, cause, segment_name, segment_value, activation)
) STRICT;
CREATE TABLE IF NOT EXISTS intents (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, incident TEXT NOT NULL REFERENCES incidents (id),
    activation INTEGER NOT NULL, activates INTEGER NOT NULL, status TEXT NOT NULL, data TEXT NOT NULL
) STRICT;
-- Whatever the engine believes, one activation is rolled back at most once.
CREATE UNIQUE INDEX IF NOT EXISTS intents_one_rollback ON intents (model, activation)
    WHERE activates = 1 AND status IN ('planned', 'applied');
CREATE UNIQUE INDEX IF NOT EXISTS intents_one_at_a_time ON intents (model) WHERE status = 'planned';
CREATE TABLE IF NOT EXISTS quarantines (
    model TEXT NOT NULL, version TEXT NOT NULL, since REAL NOT NULL, PRIMARY KEY (model, version)
) STRICT;
CREATE TABLE IF NOT EXISTS activations (
    model TEXT NOT NULL, activation INTEGER NOT NULL, version TEXT NOT NULL, previous TEXT,
    activated REAL NOT NULL, by TEXT NOT NULL, PRIMARY KEY (model, activation)
) STRICT;
CREATE TABLE IF NOT EXISTS closures (
    id INTEGER PRIMARY KEY, incident TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, processed REAL
) STRICT;
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, data TEXT NOT NULL, processed REAL
) STRICT;
CREATE TABLE IF NOT EXISTS standing (
    model TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (model, key)
) STRICT;
CREATE TABLE IF NOT EXISTS segment_quarantines (
    model TEXT NOT NULL, version TEXT NOT NULL, segment_name TEXT NOT NULL, segment_value TEXT NOT NULL,
    PRIMARY KEY (model, version, segment_name, segment_value)
) STRICT;
CREATE TABLE IF NOT EXISTS releases (
    model TEXT NOT NULL, version TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (model, version)
) STRICT;
CREATE TABLE IF NOT EXISTS alive (one INTEGER PRIMARY KEY CHECK (one = 1), time REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), time REAL NOT NULL) STRICT;
"""
    + audit.SCHEMA
    + acts.SCHEMA
    + once.SCHEMA
    + watching.SCHEMA
)


class StateTooNewError(RuntimeError):
    """A state directory was written by a later release."""


class StateUnreadableError(RuntimeError):
    """A state directory whose database cannot be read or written."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the controller's database for several threads, making what it lacks.

    Raises:
        StateTooNewError: a later release wrote it.
        StateUnreadableError: it cannot be read or written.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        prepare(connection)
    except StateTooNewError:
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StateUnreadableError(
            f"{path}: {error}. Check disk and permissions; a damaged database is put back from a backup, or moved "
            "aside: without it the controller acts on nothing that it did before, until two people arm it"
        ) from None
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Give the database every table it lacks; raise `StateTooNewError` for one of a later release.

    Tables and fields are only ever added, so that a directory of an earlier release opens as it is.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise StateTooNewError(
            f"the state directory was written by a later release (schema {found}, this one knows {VERSION}); "
            "start that release, or restore the directory from before it"
        )
    connection.executescript(_SCHEMA)
    connection.execute(f"PRAGMA user_version = {VERSION}")
