"""Know for how long the controller has watched: what it slept through is written into the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.rollback import audit

if TYPE_CHECKING:
    import sqlite3

SCHEMA: Final = "CREATE TABLE IF NOT EXISTS watched (model TEXT PRIMARY KEY, until REAL NOT NULL) STRICT;\n"
BEGAN: Final = "watch.began"
RESUMED: Final = "watch.resumed"
EVERY: Final = 60.0
"""Seconds between two notes of one model."""
LONGEST: Final = 300.0
"""Seconds between two notes after which the time between them was not watched."""


def watched_until(connection: sqlite3.Connection, model: str) -> float | None:
    """Return when a model was last watched, or None where it never was."""
    row = connection.execute("SELECT until FROM watched WHERE model = ?", (model,)).fetchone()
    return None if row is None else float(row[0])


def note_watched(connection: sqlite3.Connection, model: str, at: float) -> None:
    """Note that a model is watched, and in the audit for how long it was not, inside the caller's transaction."""
    until = watched_until(connection, model)
    if until is None:
        audit.append(connection, at, BEGAN, model, {}, actor="controller")
    elif at - until > LONGEST:
        data = {"until": until, "missed": round(at - until, 1)}
        audit.append(connection, at, RESUMED, model, data, actor="controller")
    connection.execute("INSERT OR REPLACE INTO watched VALUES (?, ?)", (model, at))
