"""Read what a controller has recorded, from its own connection or from outside while it runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback import audit

if TYPE_CHECKING:
    from pathlib import Path

DATABASE: Final = "controller.sqlite"


def quarantined(state: Path, model: str) -> frozenset[str]:
    """Return the versions of a model that a rollback has quarantined."""
    with audit.open_read_only(state / DATABASE) as connection:
        rows = connection.execute("SELECT version FROM quarantines WHERE model = ?", (model,))
        return frozenset(version for (version,) in rows)


def incident(state: Path, key: str) -> dict[str, Any] | None:
    """Return one incident with its intents and audit events from a controller's database, or None."""
    with audit.open_read_only(state / DATABASE) as connection:
        return incident_details(connection, key)


def incidents(state: Path) -> list[dict[str, Any]]:
    """Return every incident in a controller's database, newest first."""
    with audit.open_read_only(state / DATABASE) as connection:
        return incident_list(connection)


def incident_list(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return every incident, newest first, as JSON-ready values."""
    rows = connection.execute("SELECT id, data FROM incidents ORDER BY opened DESC, id")
    return [{"id": key, **json.loads(data)} for key, data in rows]


def incident_details(connection: sqlite3.Connection, key: str) -> dict[str, Any] | None:
    """Return one incident with its intents and audit events as JSON-ready values, or None."""
    found = connection.execute("SELECT data FROM incidents WHERE id = ?", (key,)).fetchone()
    if found is None:
        return None
    intents = connection.execute("SELECT data FROM intents WHERE incident = ? ORDER BY id", (key,))
    return {
        "id": key,
        **json.loads(found[0]),
        "intents": [json.loads(data) for (data,) in intents],
        "events": [asdict(event) for event in audit.events(connection, about=key)],
        "audit_head": asdict(audit.head(connection)),
    }


def close_incident(state: Path, key: str, *, by: str, reason: str) -> bool:
    """Ask the controller to close an undecided incident; return False where there is no such incident.

    The controller takes it up at its next turn and audits who asked and why.
    """
    database = state / DATABASE
    if not database.is_file():
        raise FileNotFoundError(f"{database}: no controller database; name the controller's --state directory")
    with closing(sqlite3.connect(database, timeout=10.0)) as connection, connection:
        done = connection.execute(
            "INSERT INTO closures (incident, by, reason) SELECT id, ?, ? FROM incidents WHERE id = ?",
            (by, reason, key),
        )
        return done.rowcount == 1
