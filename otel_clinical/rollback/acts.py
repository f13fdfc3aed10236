"""Keep what people do about an incident: each act is stored together with its audit event, or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback import audit
from otel_clinical.rollback.orders import Order, OrderKind, may_name_a_patient
from otel_clinical.rollback.state import ANNOUNCED, UNDECIDED
from otel_clinical.semconv.enums import RollbackState

if TYPE_CHECKING:
    import sqlite3

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS acts (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, incident TEXT NOT NULL, kind TEXT NOT NULL, by TEXT NOT NULL,
    method TEXT NOT NULL, reason TEXT NOT NULL, note TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS links (nonce TEXT PRIMARY KEY, used REAL NOT NULL, by TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS acts_incident ON acts (incident, id);
"""
MAX_NOTE: Final = 300
VETO_PEOPLE: Final = 2
"""A veto leaves the AI its reach although an alert fires: never one person's decision."""
APPROVABLE: Final = UNDECIDED | {ANNOUNCED, RollbackState.RECOMMENDED}
"""States in which one person may let the machine make its change: it only ever takes reach from the AI."""
_COLUMNS: Final = "id, at, incident, kind, by, method, reason, note"


class ActKind(StrEnum):
    """What a person can do."""

    ACKNOWLEDGE = "acknowledge"
    VETO = "veto"
    APPROVE = "approve"


REASONS: Final = {
    ActKind.ACKNOWLEDGE: (
        "I am looking into it",
        "The cause is known and being worked on",
        "Taken over from the person on call",
    ),
    ActKind.VETO: (
        "The alert is wrong: the figures are not of real patients' care",
        "The cause is known, and changing the version would not help",
        "A planned change explains it",
    ),
    ActKind.APPROVE: (
        "It is the version: act now",
        "The recommendation is right: make the change",
        "Waiting longer would do more harm than acting",
    ),
}


class ActRefusedError(ValueError):
    """An act that cannot be taken; the message says why and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Act:
    """What one person did about one incident. `method` is how they were known; `note` is their own words."""

    incident: str
    kind: ActKind
    by: str
    method: str
    reason: str
    note: str = ""


def check_act(act: Act) -> None:
    """Raise `ActRefusedError` where an act lacks who or why, or its note may be about a patient."""
    if not act.by.strip() or not act.by.isprintable():
        raise ActRefusedError("say who you are: the audit keeps a name with every act")
    if act.reason not in REASONS[act.kind]:
        raise ActRefusedError(f"choose one of the reasons: {'; '.join(REASONS[act.kind])}")
    if len(act.note) > MAX_NOTE:
        raise ActRefusedError(f"the note has {len(act.note)} characters; at most {MAX_NOTE} are kept")
    if may_name_a_patient(act.note):
        raise ActRefusedError(
            "the note holds a long number, a date or an address, which may be a patient's; nothing was stored. "
            "Write it without: the audit is kept for years"
        )


def record_act(connection: sqlite3.Connection, act: Act, at: float, link: str = "") -> dict[str, Any]:
    """Store an act with its audit event inside the caller's transaction; return what it led to.

    `link` is the nonce of the link that it came by, which is used up with it.

    Raises:
        ActRefusedError: nothing was stored; says why.
    """
    check_act(act)
    found = connection.execute("SELECT data ->> 'state' FROM incidents WHERE id = ?", (act.incident,)).fetchone()
    if found is None:
        raise ActRefusedError("there is no such incident")
    led_to: dict[str, Any] = {"state": found[0]}
    if link:
        _use_up(connection, link, act.by, at)
    if act.kind is ActKind.VETO:
        led_to |= _veto(connection, act, found[0])
    if act.kind is ActKind.APPROVE and found[0] not in APPROVABLE:
        raise ActRefusedError(f"the incident is {found[0].replace('_', ' ')}: there is nothing left to approve")
    connection.execute(
        "INSERT INTO acts (at, incident, kind, by, method, reason, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (at, act.incident, act.kind.value, act.by, act.method, act.reason, act.note),
    )
    _order(connection, act, at)
    data = {"by": act.by, "method": act.method, "reason": act.reason, "note": act.note, **led_to}
    audit.append(connection, at, f"person.{act.kind}", act.incident, data, actor=act.by)
    return led_to


def link_used_by(connection: sqlite3.Connection, nonce: str) -> str:
    """Return who used a link, or an empty string."""
    row = connection.execute("SELECT by FROM links WHERE nonce = ?", (nonce,)).fetchone()
    return str(row[0]) if row else ""


def _use_up(connection: sqlite3.Connection, nonce: str, by: str, at: float) -> None:
    done = connection.execute("INSERT OR IGNORE INTO links VALUES (?, ?, ?)", (nonce, at, by))
    if not done.rowcount:
        raise ActRefusedError("this link was used already; it works once")


def _order(connection: sqlite3.Connection, act: Act, at: float) -> None:
    """Leave the act for the controller as well: it stops what is announced, and what time alone would decide."""
    (model,) = connection.execute("SELECT model FROM incidents WHERE id = ?", (act.incident,)).fetchone()
    order = Order(OrderKind(act.kind.value), model, act.by, act.reason, at, act.incident, method=act.method)
    connection.execute("INSERT INTO orders (model, data) VALUES (?, ?)", (model, json.dumps(asdict(order))))


def acts_of(connection: sqlite3.Connection, incident: str | None = None) -> list[dict[str, Any]]:
    """Return the acts about one incident, or about all, oldest first, as JSON-ready values."""
    where, arguments = ("WHERE incident = ?", (incident,)) if incident is not None else ("", ())
    rows = connection.execute(f"SELECT {_COLUMNS} FROM acts {where} ORDER BY id", arguments)  # noqa: S608 -- constants
    return [dict(zip(_COLUMNS.split(", "), row, strict=True)) for row in rows]


def _veto(connection: sqlite3.Connection, act: Act, state: str) -> dict[str, Any]:
    """Let the controller close an undecided incident, at its next turn, once two different people ask for it.

    An announced change, or one that time alone would bring, is stopped by any one person.
    """
    if state == ANNOUNCED:
        return {"vetoes": 1, "needed": 1}
    if state not in UNDECIDED:
        raise ActRefusedError(
            f"the incident is {state.replace('_', ' ')}: there is no decision left to veto. To give the AI its reach "
            "back use `otel-clinical rollback lift` or `activate`"
        )
    vetoes = [earlier["by"] for earlier in acts_of(connection, act.incident) if earlier["kind"] == ActKind.VETO]
    people = {name.strip().casefold(): name for name in [*vetoes, act.by]}
    if len(people) <= len({name.strip().casefold() for name in vetoes}):
        raise ActRefusedError("you have vetoed this already; a veto needs a second, different person")
    if len(people) >= VETO_PEOPLE:
        connection.execute(
            "INSERT INTO closures (incident, by, reason) VALUES (?, ?, ?)",
            (act.incident, " and ".join(people.values()), act.reason),
        )
    return {"vetoes": len(people), "needed": VETO_PEOPLE}
