"""Keep what the controller knows in SQLite: nothing is acted on that is not on disk first."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from otel_clinical.rollback import acts, audit, once, watching
from otel_clinical.rollback._rows import read_ledger, read_state, told, write_state
from otel_clinical.rollback._schema import open_database
from otel_clinical.rollback.alerts import Alert, Notification, digest
from otel_clinical.rollback.events import ClosedByPerson
from otel_clinical.rollback.orders import Order, check, check_reason
from otel_clinical.rollback.records import DATABASE, incident_details, incident_list
from otel_clinical.rollback.replay import changes
from otel_clinical.rollback.signing import SignedCheckpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback._records import Record
    from otel_clinical.rollback.signing import Signer
    from otel_clinical.rollback.state import ModelState

ACTOR: Final = "controller"
KEEP_WEBHOOKS: Final = 30 * 86_400.0
"""Seconds for which raw request bodies are kept; what they led to stays in the audit."""

CANNOT_STORE: Final = (
    "the state directory cannot be written ({}): nothing is decided or changed until it can; look at its disk"
)

_ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)
_ORDER: TypeAdapter[Order] = TypeAdapter(Order)


@dataclass(frozen=True, slots=True)
class Received:
    """One notification that came.

    Of its body only the hash is kept: labels and annotations that are not ours may say anything.
    """

    sha256: str
    notification: Notification
    at: float


class Store:
    """The controller's database. Safe to use from several threads; every write is one transaction.

    Methods that write raise `sqlite3.Error` where nothing could be committed, a full disk included.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._problem, self.folder = "", folder
        self._connection = open_database(folder / DATABASE)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    @property
    def problem(self) -> str:
        """Say why the last write failed, or an empty string where it was committed."""
        return self._problem

    def try_writing(self, at: float) -> None:
        """Commit that the controller is alive, so that a disk that fails is known before anything needs it."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO alive VALUES (1, ?)", (at,))

    def receive(self, body: bytes, notification: Notification, at: float) -> None:
        """Commit that one notification came, as `receive_all` does."""
        self.receive_all([Received(digest(body), notification, at)])

    def receive_all(self, received: Sequence[Received]) -> None:
        """Commit that notifications came, their alerts, and an audit event of each, in one transaction."""
        with self._transaction() as connection:
            for one in received:
                _receive(connection, one)

    def waiting_alerts(self, after: int = 0, limit: int = -1) -> list[tuple[int, Alert]]:
        """Return up to `limit` alerts that were received and not yet taken into account, in order, beyond `after`."""
        query = "SELECT id, data FROM alerts WHERE processed IS NULL AND id > ? ORDER BY id LIMIT ?"
        rows = self._rows(query, after, limit)
        return [(row, _ALERT.validate_json(data)) for row, data in rows]

    def repeated(self, rows: Sequence[int], at: float) -> None:
        """Note that alerts say what one before them said, and need not be taken into account again."""
        with self._transaction() as connection:
            connection.executemany("UPDATE alerts SET processed = ? WHERE id = ?", [(at, row) for row in rows])

    def waiting_closures(self) -> list[tuple[int, str, ClosedByPerson]]:
        """Return (row, model, closure) for what people closed and the worker has not yet taken up."""
        rows = self._rows(
            "SELECT c.id, i.model, c.incident, c.by, c.reason FROM closures AS c "
            "JOIN incidents AS i ON i.id = c.incident WHERE c.processed IS NULL ORDER BY c.id"
        )
        return [(row, model, ClosedByPerson(incident, by, reason)) for row, model, incident, by, reason in rows]

    def order(self, order: Order) -> int:
        """Commit what a person ordered, for the worker to take up, and return its number.

        Raises:
            OrderRefusedError: nobody may order that so.
        """
        check(order)
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO orders (model, data) VALUES (?, ?)", (order.model, _ORDER.dump_json(order).decode())
            )
            return int(cursor.lastrowid or 0)

    def order_once(self, order: Order, at: float, key: str, said: str) -> tuple[dict[str, Any], bool]:
        """As `order`, once for all requests of one key; return the number and whether it was given before."""
        check(order)

        def give() -> dict[str, Any]:
            row = (order.model, _ORDER.dump_json(order).decode())
            return {"order": connection.execute("INSERT INTO orders (model, data) VALUES (?, ?)", row).lastrowid}

        with self._transaction() as connection:
            return once.once(connection, key, said, at, give)

    def waiting_orders(self) -> list[tuple[int, Order]]:
        """Return what people ordered and the worker has not yet taken up, in order."""
        rows = self._rows("SELECT id, data FROM orders WHERE processed IS NULL ORDER BY id")
        return [(row, _ORDER.validate_json(data)) for row, data in rows]

    def load(self, model: str) -> ModelState:
        """Return what is known about a model."""
        with self._lock:
            return read_state(self._connection, model)

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
        order: int | None = None,
    ) -> None:
        """Write what a step changed, its audit events and the alert, closure or order it used up: one transaction."""
        with self._transaction() as connection:
            write_state(connection, model, before, after, at)
            for action, object_, data in told(model, records, changes(model, before, after)):
                audit.append(connection, at, action, object_, data, actor=ACTOR)
            for table, row in (("alerts", alert), ("closures", closure), ("orders", order)):
                if row is not None:
                    connection.execute(f"UPDATE {table} SET processed = ? WHERE id = ?", (at, row))  # noqa: S608 -- ours

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

    def last_alive(self) -> float | None:
        """Return when a controller last gave a sign of life; None for a new store."""
        written = self._rows("SELECT time FROM audit WHERE actor = ? ORDER BY seq DESC LIMIT 1", ACTOR)
        tried = self._rows("SELECT time FROM alive")
        known = [self.last_heartbeat(), *(at for (at,) in (*written, *tried))]
        return max((at for at in known if at is not None), default=None)

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

    def close_once(self, closure: ClosedByPerson, at: float, key: str, said: str) -> tuple[dict[str, Any], bool]:
        """Leave it for the worker that a person closes an incident, once for all requests of one key."""
        check_reason(closure.reason)
        row = (closure.incident, closure.by, closure.reason)

        def give() -> dict[str, Any]:
            done = connection.execute("INSERT INTO closures (incident, by, reason) VALUES (?, ?, ?)", row)
            return {"closure": done.lastrowid}

        with self._transaction() as connection:
            return once.once(connection, key, said, at, give)

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

    def audit_of(self, actions: Iterable[str]) -> list[audit.AuditEvent]:
        """Return every audit event of some actions, the oldest first."""
        with self._lock:
            return audit.of_actions(self._connection, actions)

    def acted(self) -> frozenset[str]:
        """Return the models for which the controller acted in a last life that asked for no readiness."""
        query = "SELECT data FROM audit WHERE action = 'controller.started' ORDER BY seq DESC LIMIT 1"
        last = json.loads(next((data for (data,) in self._rows(query)), "{}"))
        modes = {} if "armed" in last else last.get("mode", {})
        return frozenset(model for model, mode in modes.items() if mode == "enforce")

    def watched(self, model: str) -> float | None:
        """Return when a model was last watched, or None."""
        with self._lock:
            return watching.watched_until(self._connection, model)

    def watch(self, model: str, at: float) -> None:
        """Note that a model is watched; not more often than it matters."""
        until = self.watched(model)
        if until is None or not 0 <= at - until < watching.EVERY:
            with self._transaction() as connection:
                watching.note_watched(connection, model, at)

    def audit_page(self, last: int, limit: int, about: str = "") -> list[audit.AuditEvent]:
        """Return up to `limit` audit events no later than sequence `last`, newest first, optionally of one object."""
        with self._lock:
            return audit.newest(self._connection, last, limit, about)

    def newest(self, action: str) -> dict[str, float]:
        """Return when the audit last has `action`, by its object."""
        rows = self._rows("SELECT object, max(time) FROM audit WHERE action = ? GROUP BY object", action)
        return dict(rows)

    def audit_head(self) -> audit.Checkpoint:
        """Return the head of the audit chain."""
        with self._lock:
            return audit.head(self._connection)

    def sign(self, signer: Signer, at: float) -> SignedCheckpoint | None:
        """Keep a signed checkpoint of the head, and return it; None where the head has one already."""
        with self._transaction() as connection:
            signed = signer.sign(audit.head(connection), at)
            row = (signed.seq, signed.hash, signed.time, signed.key, signed.signature)
            done = connection.execute("INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?, ?)", row)
            return signed if done.rowcount else None

    def last_checkpoint(self) -> SignedCheckpoint | None:
        """Return the newest signed checkpoint, or None."""
        rows = self._rows("SELECT * FROM checkpoints ORDER BY seq DESC LIMIT 1")
        return SignedCheckpoint(*rows[0]) if rows else None

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Return activations, releases and quarantines, as JSON-ready values."""
        with self._lock:
            return read_ledger(self._connection)

    def _rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, arguments).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                # What breaks a constraint or is refused by us says nothing about the disk.
                if type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError}:
                    self._problem = str(error)
                raise
            self._problem = ""


def _receive(connection: sqlite3.Connection, received: Received) -> None:
    seen, notification, at = received.sha256, received.notification, received.at
    data = {
        "sha256": seen,
        "alerts": len(notification.alerts),
        "ignored": notification.ignored,
        "truncated": notification.truncated,
        "refused": [asdict(refused) for refused in notification.refused],
    }
    cursor = connection.execute("INSERT INTO webhooks (received, body) VALUES (?, ?)", (at, seen.encode()))
    connection.executemany(
        "INSERT INTO alerts (webhook, data) VALUES (?, ?)",
        [(cursor.lastrowid, _ALERT.dump_json(alert).decode()) for alert in notification.alerts],
    )
    audit.append(connection, at, "webhook.received", "alertmanager", data, actor=ACTOR)
