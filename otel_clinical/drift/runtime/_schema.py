"""The tables of ``state.db`` and the steps that bring an older file up to date."""

import sqlite3
from collections.abc import Callable

from otel_clinical.drift.runtime._seal import META, Seal

APPLICATION_ID = 0x0C11A1  # tells `file` and an operator whose database this is


def _seal(connection: sqlite3.Connection) -> None:
    """Seal what an older version saved without one."""
    (oldest,) = connection.execute("SELECT min(seq) FROM journal WHERE poison IS NULL").fetchone()
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'journal'").fetchone()
    sealed = Seal.of(connection).after({}, last if oldest is None else oldest - 1)
    connection.execute("INSERT INTO meta VALUES (?, ?)", (META, sealed.text))


_STEPS: tuple[str | Callable[[sqlite3.Connection], None], ...] = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        received REAL NOT NULL,
        signal TEXT NOT NULL,
        rejections TEXT NOT NULL,
        crc INTEGER NOT NULL,
        batch BLOB NOT NULL,
        poison TEXT
    );
    CREATE TABLE state (key TEXT PRIMARY KEY, blob BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE counter (name TEXT NOT NULL, labels TEXT NOT NULL, value INTEGER NOT NULL,
        PRIMARY KEY (name, labels)) WITHOUT ROWID;
    CREATE TABLE outbox (id TEXT PRIMARY KEY, position INTEGER NOT NULL, payload TEXT NOT NULL);
    CREATE INDEX outbox_position ON outbox (position);
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        received REAL NOT NULL,
        signal TEXT NOT NULL,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        size INTEGER NOT NULL,
        digest TEXT NOT NULL
    );
    """,
    _seal,
    """
    CREATE TABLE correction (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, content TEXT NOT NULL);
    """,
    # No new table, but states under keys that programs of the third schema do not know: they must refuse the file.
    "",
)
VERSION = len(_STEPS)


class SchemaError(RuntimeError):
    """The file is not ours, or is newer than this program.

    Args:
        message: Which of the two.
        remedy: What to do.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def require_known(connection: sqlite3.Connection) -> int:
    """Return the version of the schema of a file that this program can read.

    Raises:
        SchemaError: Another application's database, or one written by a newer version.
    """
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if owner not in {0, APPLICATION_ID}:
        raise SchemaError(
            f"application id {owner:#x}: this database belongs to another program",
            "leave it, and choose another --state",
        )
    if version > VERSION:
        raise SchemaError(
            f"schema {version}: written by a newer otel-clinical; this one knows up to {VERSION}",
            "run that version or a later one; to go back to this one, restore a backup that it made with "
            "`otel-clinical processor restore`",
        )
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the steps that `connection`'s file has not seen, each in one transaction.

    Raises:
        SchemaError: Another application's database, or one written by a newer version.
    """
    version = require_known(connection)
    for number, step in enumerate(_STEPS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _take(connection, step)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _take(connection: sqlite3.Connection, step: str | Callable[[sqlite3.Connection], None]) -> None:
    if callable(step):
        step(connection)
        return
    for statement in filter(str.strip, step.split(";")):  # not executescript, which commits first
        connection.execute(statement)
