"""Read what a controller has recorded, from its own connection or from outside while it runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback import audit
from otel_clinical.rollback.state import UNDECIDED, WATCHING, WORKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DATABASE: Final = "controller.sqlite"
_OPEN: Final = UNDECIDED | WORKING | WATCHING


@dataclass(frozen=True, slots=True)
class Activity:
    """What a controller was started with and last heard: modes by model, counts, Unix times or None."""

    modes: Mapping[str, str]
    started: float | None
    heartbeat: float | None
    webhook: float | None
    incidents: int
    open_incidents: int


def activity(state: Path) -> Activity:
    """Return what a controller's database says about its last start and what reached it since."""
    with audit.open_read_only(state / DATABASE) as connection:
        newest = "SELECT time, data FROM audit WHERE action = 'controller.started' ORDER BY seq DESC LIMIT 1"
        started, data = connection.execute(newest).fetchone() or (None, "{}")
        (heartbeat,) = connection.execute("SELECT max(time) FROM heartbeat").fetchone()
        (webhook,) = connection.execute("SELECT max(received) FROM webhooks").fetchone()
        states = [item["state"] for item in incident_list(connection)]
    is_open = [state in _OPEN for state in states]
    return Activity(json.loads(data).get("mode", {}), started, heartbeat, webhook, len(states), sum(is_open))


def quarantined(state: Path, model: str) -> frozenset[str]:
    """Return the versions of a model that a rollback has quarantined."""
    with audit.open_read_only(state / DATABASE) as connection:
        rows = connection.execute("SELECT version FROM quarantines WHERE model = ?", (model,))
        return frozenset(version for (version,) in rows)


def last_activation(state: Path, model: str) -> int:
    """Return the highest activation of a model that a controller has seen, 0 where it has seen none."""
    with audit.open_read_only(state / DATABASE) as connection:
        row = connection.execute("SELECT max(activation) FROM activations WHERE model = ?", (model,)).fetchone()
        return int(row[0] or 0)


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
