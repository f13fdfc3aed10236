"""Keep what the controller knows in SQLite: nothing is acted on that is not on disk first."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from otel_clinical.rollback import acts, audit, once
from otel_clinical.rollback.alerts import Alert, Notification, digest
from otel_clinical.rollback.events import ClosedByPerson
from otel_clinical.rollback.records import DATABASE, incident_details, incident_list
from otel_clinical.rollback.state import Incident, Intent, ModelState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback._records import Record

ACTOR: Final = "controller"
KEEP_WEBHOOKS: Final = 30 * 86_400.0
"""Seconds for which raw request bodies are kept; what they led to stays in the audit."""

_SCHEMA = (
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
CREATE TABLE IF NOT EXISTS heartbeat (one INTEGER PRIMARY KEY CHECK (one = 1), time REAL NOT NULL) STRICT;
"""
    + audit.SCHEMA
    + acts.SCHEMA
    + once.SCHEMA
)
_INCIDENT: TypeAdapter[Incident] = TypeAdapter(Incident)
_INTENT: TypeAdapter[Intent] = TypeAdapter(Intent)
_ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)


class Store:
    """The controller's database. Safe to use from several threads; every write is one transaction.

    Methods that write raise `sqlite3.Error` where nothing could be committed, a full disk included.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            folder / DATABASE, isolation_level=None, check_same_thread=False, timeout=10.0
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def receive(self, body: bytes, notification: Notification, at: float) -> None:
        """Commit that a notification came, its alerts, and the audit event, in one transaction.

        Of the body only the hash is kept: labels and annotations that are not ours may say anything.
        """
        seen = digest(body)
        data = {
            "sha256": seen,
            "alerts": len(notification.alerts),
            "ignored": notification.ignored,
            "truncated": notification.truncated,
            "refused": [asdict(refused) for refused in notification.refused],
        }
        with self._transaction() as connection:
            cursor = connection.execute("INSERT INTO webhooks (received, body) VALUES (?, ?)", (at, seen.encode()))
            connection.executemany(
                "INSERT INTO alerts (webhook, data) VALUES (?, ?)",
                [(cursor.lastrowid, _ALERT.dump_json(alert).decode()) for alert in notification.alerts],
            )
            audit.append(connection, at, "webhook.received", "alertmanager", data, actor=ACTOR)

    def waiting_alerts(self) -> list[tuple[int, Alert]]:
        """Return the alerts that were received and not yet taken into account, in order."""
        rows = self._rows("SELECT id, data FROM alerts WHERE processed IS NULL ORDER BY id")
        return [(row, _ALERT.validate_json(data)) for row, data in rows]

    def waiting_closures(self) -> list[tuple[int, str, ClosedByPerson]]:
        """Return (row, model, closure) for what people closed and the worker has not yet taken up."""
        rows = self._rows(
            "SELECT c.id, i.model, c.incident, c.by, c.reason FROM closures AS c "
            "JOIN incidents AS i ON i.id = c.incident WHERE c.processed IS NULL ORDER BY c.id"
        )
        return [(row, model, ClosedByPerson(incident, by, reason)) for row, model, incident, by, reason in rows]

    def load(self, model: str) -> ModelState:
        """Return what is known about a model."""
        with self._lock:
            incidents = self._rows("SELECT data FROM incidents WHERE model = ?", model)
            intents = self._rows("SELECT data FROM intents WHERE model = ?", model)
            quarantined = self._rows("SELECT version FROM quarantines WHERE model = ?", model)
        return ModelState(
            incidents={i.id: i for i in (_INCIDENT.validate_json(data) for (data,) in incidents)},
            intents={i.id: i for i in (_INTENT.validate_json(data) for (data,) in intents)},
            quarantined=frozenset(version for (version,) in quarantined),
        )

    def commit(
        self,
        model: str,
        before: ModelState,
        after: ModelState,
        records: Iterable[Record] = (),
        *,
        at: float,
        alert: int | None = None,
        closure: int | None = None,
    ) -> None:
        """Write what a step changed, its audit events and the alert or closure it used up, in one transaction."""
        with self._transaction() as connection:
            for key, incident in after.incidents.items():
                if before.incidents.get(key) is not incident:
                    _write_incident(connection, incident)
            for key, intent in after.intents.items():
                if before.intents.get(key) is not intent:
                    _write_intent(connection, model, intent)
            for version in after.quarantined - before.quarantined:
                connection.execute("INSERT OR IGNORE INTO quarantines VALUES (?, ?, ?)", (model, version, at))
            for record in records:
                data = {**record.data, "page": True} if record.page else record.data
                audit.append(connection, at, record.action, record.object, data, actor=ACTOR)
            if alert is not None:
                connection.execute("UPDATE alerts SET processed = ? WHERE id = ?", (at, alert))
            if closure is not None:
                connection.execute("UPDATE closures SET processed = ? WHERE id = ?", (at, closure))

    def observe(self, pointer: ReleasePointer, at: float) -> bool:
        """Note an activation in the release ledger; tell whether it was new."""
        row = (pointer.model, pointer.activation, pointer.version, pointer.previous_version)
        with self._transaction() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO activations VALUES (?, ?, ?, ?, ?, ?)",
                (*row, pointer.activated_at, pointer.updated_by),
            )
            if not done.rowcount:
                return False
            data: dict[str, Any] = {
                "version": pointer.version,
                "previous": pointer.previous_version,
                "epoch": pointer.epoch,
            }
            data |= {"activation": pointer.activation, "by": pointer.updated_by, "at": pointer.activated_at}
            audit.append(connection, at, "activation.observed", pointer.model, data, actor=ACTOR)
            return True

    def repeats(self, pointer: ReleasePointer) -> int | None:
        """Return the ledger's highest activation where the pointer counts again what the ledger has counted.

        A pointer that was made anew, or put back from a backup, would otherwise be taken for an earlier life: its
        alerts for incidents that are closed, its evidence for labels of another time. None where all is well.
        """
        mine = self._rows(
            "SELECT activation, version, activated FROM activations WHERE model = ? ORDER BY activation DESC LIMIT 1",
            pointer.model,
        )
        now = pointer.activation, pointer.version, pointer.activated_at
        if not mine or pointer.activation > mine[0][0] or mine[0] == now:
            return None
        return int(mine[0][0])

    def note(self, action: str, object_: str, data: dict[str, Any], at: float) -> None:
        """Add one audit event."""
        with self._transaction() as connection:
            audit.append(connection, at, action, object_, data, actor=ACTOR)

    def beat(self, at: float) -> None:
        """Note the watchdog's heartbeat."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO heartbeat VALUES (1, ?)", (at,))

    def last_heartbeat(self) -> float | None:
        """Return when the watchdog was last heard, or None."""
        return next((time for (time,) in self._rows("SELECT time FROM heartbeat")), None)

    def prune(self, at: float) -> None:
        """Drop webhooks and used alerts past their retention."""
        oldest = "SELECT id FROM webhooks WHERE received < ?"
        with self._transaction() as connection:
            connection.execute(
                f"DELETE FROM alerts WHERE processed IS NOT NULL AND webhook IN ({oldest})",  # noqa: S608 -- a constant
                (at - KEEP_WEBHOOKS,),
            )
            connection.execute("DELETE FROM webhooks WHERE received < ?", (at - KEEP_WEBHOOKS,))

    def incidents(self) -> list[dict[str, Any]]:
        """Return every incident, newest first, as JSON-ready values."""
        with self._lock:
            return incident_list(self._connection)

    def incident(self, key: str) -> dict[str, Any] | None:
        """Return one incident with its intents and audit events, or None."""
        with self._lock:
            return incident_details(self._connection, key)

    def act(self, act: acts.Act, at: float, link: str = "") -> dict[str, Any]:
        """Store what a person did, with its audit event; raises `acts.ActRefusedError` as `acts.record_act` does."""
        with self._transaction() as connection:
            return acts.record_act(connection, act, at, link)

    def act_once(self, act: acts.Act, at: float, key: str, said: str) -> tuple[dict[str, Any], bool]:
        """As `act`, once for all requests of one key; return what it led to and whether it was done before."""
        with self._transaction() as connection:
            return once.once(connection, key, said, at, lambda: acts.record_act(connection, act, at))

    def link_used_by(self, nonce: str) -> str:
        """Return who used a link, or an empty string."""
        with self._lock:
            return acts.link_used_by(self._connection, nonce)

    def acts(self, incident: str | None = None) -> list[dict[str, Any]]:
        """Return what people did about one incident, or about all, oldest first."""
        with self._lock:
            return acts.acts_of(self._connection, incident)

    def audit_events(self, after: int, limit: int) -> list[audit.AuditEvent]:
        """Return audit events after a sequence number."""
        with self._lock:
            return list(audit.events(self._connection, after=after, limit=limit))

    def audit_page(self, last: int, limit: int, about: str = "") -> list[audit.AuditEvent]:
        """Return up to `limit` audit events no later than sequence `last`, newest first, optionally of one object."""
        with self._lock:
            return audit.newest(self._connection, last, limit, about)

    def audit_head(self) -> audit.Checkpoint:
        """Return the head of the audit chain."""
        with self._lock:
            return audit.head(self._connection)

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Return activations and quarantines, as JSON-ready values."""
        activations = self._rows("SELECT * FROM activations ORDER BY model, activation")
        quarantines = self._rows("SELECT * FROM quarantines ORDER BY model, since")
        columns = ("model", "activation", "version", "previous", "activated_at", "by")
        return {
            "activations": [dict(zip(columns, row, strict=True)) for row in activations],
            "quarantines": [dict(zip(("model", "version", "since"), row, strict=True)) for row in quarantines],
        }

    def _rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, arguments).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


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
