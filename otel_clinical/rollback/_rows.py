"""Turn what the engine knows of a model into rows of the controller's database, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from otel_clinical.release import Segment
from otel_clinical.rollback.ledger import Release
from otel_clinical.rollback.orders import Standing
from otel_clinical.rollback.state import Incident, Intent, ModelState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from otel_clinical.rollback._records import Record

_INCIDENT: TypeAdapter[Incident] = TypeAdapter(Incident)
_INTENT: TypeAdapter[Intent] = TypeAdapter(Intent)
_STANDING: TypeAdapter[Standing] = TypeAdapter(Standing)
_RELEASE: TypeAdapter[Release] = TypeAdapter(Release)


def read_state(connection: sqlite3.Connection, model: str) -> ModelState:
    """Return what is known about a model."""

    def rows(columns: str, table: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE model = ?"  # noqa: S608 -- constants of this function
        return connection.execute(query, (model,)).fetchall()

    partly = rows("version, segment_name, segment_value", "segment_quarantines")
    return ModelState(
        incidents={i.id: i for i in (_INCIDENT.validate_json(data) for (data,) in rows("data", "incidents"))},
        intents={i.id: i for i in (_INTENT.validate_json(data) for (data,) in rows("data", "intents"))},
        quarantined=frozenset(version for (version,) in rows("version", "quarantines")),
        standing={key: _STANDING.validate_json(data) for key, data in rows("key, data", "standing")},
        releases={r.version: r for r in (_RELEASE.validate_json(data) for (data,) in rows("data", "releases"))},
        quarantined_in=frozenset((version, Segment(name, value)) for version, name, value in partly),
    )


def read_ledger(connection: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
    """Return activations, releases and quarantines, as JSON-ready values."""
    activations = connection.execute("SELECT * FROM activations ORDER BY model, activation")
    releases = connection.execute("SELECT model, data FROM releases ORDER BY model, version")
    quarantines = connection.execute("SELECT * FROM quarantines ORDER BY model, since")
    columns = ("model", "activation", "version", "previous", "activated_at", "by")
    return {
        "activations": [dict(zip(columns, row, strict=True)) for row in activations],
        "releases": [{"model": model, **json.loads(data)} for model, data in releases],
        "quarantines": [dict(zip(("model", "version", "since"), row, strict=True)) for row in quarantines],
    }


def told(
    model: str, records: Iterable[Record], changed: list[dict[str, Any]]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what the audit is told: the records, and with the last of them every change of state."""
    told = [(r.action, r.object, {**r.data, "page": True} if r.page else dict(r.data)) for r in records]
    if changed and not told:
        told = [("state.changed", model, {})]
    if changed:
        told[-1][2]["changes"] = changed
    yield from told


def write_state(connection: sqlite3.Connection, model: str, before: ModelState, after: ModelState, at: float) -> None:
    """Write what differs between two states of a model."""
    for key, incident in after.incidents.items():
        if before.incidents.get(key) is not incident:
            _write_incident(connection, incident)
    for key, intent in after.intents.items():
        if before.intents.get(key) is not intent:
            _write_intent(connection, model, intent)
    for version in after.quarantined - before.quarantined:
        connection.execute("INSERT OR IGNORE INTO quarantines VALUES (?, ?, ?)", (model, version, at))
    for version in before.quarantined - after.quarantined:
        connection.execute("DELETE FROM quarantines WHERE model = ? AND version = ?", (model, version))
    _write_orders_and_ledger(connection, model, before, after)


def _write_orders_and_ledger(connection: sqlite3.Connection, model: str, before: ModelState, after: ModelState) -> None:
    if before.standing != after.standing:
        _write_standing(connection, model, after)
    for version, release in after.releases.items():
        if before.releases.get(version) is not release:
            row = (model, version, _RELEASE.dump_json(release).decode())
            connection.execute("INSERT OR REPLACE INTO releases VALUES (?, ?, ?)", row)
    if before.quarantined_in != after.quarantined_in:
        connection.execute("DELETE FROM segment_quarantines WHERE model = ?", (model,))
        connection.executemany(
            "INSERT INTO segment_quarantines VALUES (?, ?, ?, ?)",
            [(model, version, segment.name, segment.value) for version, segment in after.quarantined_in],
        )


def _write_incident(connection: sqlite3.Connection, incident: Incident) -> None:
    key = incident.key
    connection.execute(
        "INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data",
        (
            incident.id,
            key.model,
            key.cause.value,
            key.segment.name,
            key.segment.value,
            key.activation,
            incident.opened_at,
            _INCIDENT.dump_json(incident).decode(),
        ),
    )


def _write_intent(connection: sqlite3.Connection, model: str, intent: Intent) -> None:
    connection.execute(
        "INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET data = excluded.data, status = excluded.status",
        (
            intent.id,
            model,
            intent.incident,
            intent.activation,
            int(intent.change.activates),
            intent.status.value,
            _INTENT.dump_json(intent).decode(),
        ),
    )


def _write_standing(connection: sqlite3.Connection, model: str, state: ModelState) -> None:
    connection.execute("DELETE FROM standing WHERE model = ?", (model,))
    connection.executemany(
        "INSERT INTO standing VALUES (?, ?, ?)",
        [(model, key, _STANDING.dump_json(order).decode()) for key, order in state.standing.items()],
    )
