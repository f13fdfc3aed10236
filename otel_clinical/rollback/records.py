"""Read what a controller has recorded, from its own connection or from outside while it runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback import audit
from otel_clinical.rollback.orders import (
    ABOUT_INCIDENTS,
    ABOUT_VERSIONS,
    OrderKind,
    OrderRefusedError,
    check,
    check_reason,
)
from otel_clinical.rollback.state import UNDECIDED, WATCHING, WORKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from otel_clinical.rollback.orders import Order
    from otel_clinical.rollback.terms import Terms

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
        "ran": _ran(connection, key),
    }


def _ran(connection: sqlite3.Connection, key: str) -> dict[str, Any]:
    """Return which release and policy the controller ran when it last did something about an incident."""
    last = "SELECT max(seq) FROM audit WHERE object = ?"
    query = f"SELECT data FROM audit WHERE action = 'controller.started' AND seq <= ({last}) ORDER BY seq DESC LIMIT 1"  # noqa: S608 -- constants
    (data,) = connection.execute(query, (key,)).fetchone() or ("{}",)
    started = json.loads(data)
    return {name: started[name] for name in ("release", "policy") if started.get(name)}


def promotion_problem(state: Path, terms: Terms, version: str, at: float) -> str:
    """Say why people may not activate a version now, or return an empty string."""
    frozen = standing_orders(state, terms.model).get(OrderKind.FREEZE.value)
    if frozen is not None and (frozen["until"] is None or at < frozen["until"]):
        return (
            f"promotions of {terms.model} are frozen by {' and '.join(frozen['by'])}: {frozen['reason']}; "
            "two people may end that with `otel-clinical rollback thaw`"
        )
    known = {release["version"]: release for release in release_ledger(state, terms.model)}.get(version, {})
    # Whoever goes back by hand to what served before must not be kept waiting for its papers.
    if any(known.get(name) is not None for name in ("registered_at", "activated_at", "deactivated_at")):
        return ""
    return (
        f"version {version} of {terms.model} is not registered; `otel-clinical release register {terms.model} "
        f"{version} --state {state} …` does that, and a running controller takes it up within a second"
    )


def release_ledger(state: Path, model: str | None = None) -> list[dict[str, Any]]:
    """Return the release ledger: every version with its facts, and whether it is quarantined."""
    with audit.open_read_only(state / DATABASE) as connection:
        rows = connection.execute("SELECT model, data FROM releases ORDER BY model, version").fetchall()
        held = set(connection.execute("SELECT model, version FROM quarantines"))
        waiting = [
            json.loads(data) for (data,) in connection.execute("SELECT data FROM orders WHERE processed IS NULL")
        ]
    found = [{"model": name, **json.loads(data)} for name, data in rows]
    for release in found:
        release["quarantined"] = (release["model"], release["version"]) in held
        release["waiting"] = [
            order["kind"]
            for order in waiting
            if (order["model"], order["about"]) == (release["model"], release["version"])
        ]
    return [release for release in found if model in {None, release["model"]}]


def give_order(state: Path, order: Order) -> int:
    """Leave an order for the controller, which takes it up at its next turn; return its number.

    Raises:
        FileNotFoundError: there is no controller's database.
        OrderRefusedError: nobody may order that so, or it is about an incident that is not known.
    """
    check(order)
    database = state / DATABASE
    if not database.is_file():
        raise FileNotFoundError(f"{database}: no controller database; name the controller's --state directory")
    with closing(sqlite3.connect(database, timeout=10.0)) as connection, connection:
        if order.kind in ABOUT_INCIDENTS and incident_details(connection, order.about) is None:
            raise OrderRefusedError(f"no incident {order.about}; `otel-clinical rollback status` lists them")
        _check_version(connection, order)
        cursor = connection.execute(
            "INSERT INTO orders (model, data) VALUES (?, ?)", (order.model, json.dumps(asdict(order)))
        )
        return int(cursor.lastrowid or 0)


def _check_version(connection: sqlite3.Connection, order: Order) -> None:
    """Refuse an order about a version that the ledger does not know, or does not hold quarantined."""
    lifted = order.kind is OrderKind.UNQUARANTINE
    if not lifted and order.kind not in ABOUT_VERSIONS - {OrderKind.REGISTER}:
        return
    tables = ("quarantines", "segment_quarantines") if lifted else ("releases",)
    query = " UNION ".join(f"SELECT version FROM {table} WHERE model = ?1" for table in tables)  # noqa: S608 -- constants
    known = {version for (version,) in connection.execute(query, (order.model,))}
    if not lifted:
        waiting = connection.execute("SELECT data FROM orders WHERE processed IS NULL AND model = ?", (order.model,))
        said = [json.loads(data) for (data,) in waiting]
        known |= {item["about"] for item in said if item["kind"] == OrderKind.REGISTER}
    if order.about not in known:
        where = "is quarantined" if lifted else "is in the release ledger"
        raise OrderRefusedError(
            f"{order.kind}: no version {order.about} of {order.model} {where}; there are: "
            f"{', '.join(sorted(known)) or 'none'}. `otel-clinical release list` shows them, `register` adds one"
        )


def standing_orders(state: Path, model: str) -> dict[str, dict[str, Any]]:
    """Return what people ordered about a model that stands or waits for a second person, by what it is about."""
    with audit.open_read_only(state / DATABASE) as connection:
        rows = connection.execute("SELECT key, data FROM standing WHERE model = ?", (model,))
        return {key: json.loads(data) for key, data in rows}


def model_of(state: Path, key: str) -> str | None:
    """Return the model that an incident is about, or None where there is no such incident."""
    with audit.open_read_only(state / DATABASE) as connection:
        row = connection.execute("SELECT model FROM incidents WHERE id = ?", (key,)).fetchone()
        return None if row is None else str(row[0])


def close_incident(state: Path, key: str, *, by: str, reason: str) -> bool:
    """Ask the controller to close an undecided incident; return False where there is no such incident.

    The controller takes it up at its next turn and audits who asked and why; raises `OrderRefusedError` for a reason
    that may be about a patient.
    """
    check_reason(reason)
    database = state / DATABASE
    if not database.is_file():
        raise FileNotFoundError(f"{database}: no controller database; name the controller's --state directory")
    with closing(sqlite3.connect(database, timeout=10.0)) as connection, connection:
        done = connection.execute(
            "INSERT INTO closures (incident, by, reason) SELECT id, ?, ? FROM incidents WHERE id = ?",
            (by, reason, key),
        )
        return done.rowcount == 1
