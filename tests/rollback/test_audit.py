"""The audit shows every way of tampering with it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback import DATABASE, AuditBrokenError, Checkpoint, verify_file
from otel_clinical.rollback.audit import SCHEMA, append, chain_hash
from otel_clinical.rollback.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An audit of ten events."""
    path = tmp_path / "audit.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for number in range(10):
        append(connection, 1000.0 + number, "change.made", "INC-1", {"number": number}, actor="controller")
    connection.commit()
    connection.close()
    return path


def tamper(database: Path, statement: str) -> None:
    """Change rows as somebody with the file in hand can: triggers gone."""
    connection = sqlite3.connect(database)
    for trigger in ("audit_no_update", "audit_no_delete", "audit_in_order"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_an_untouched_chain_holds(database: Path) -> None:
    assert verify_file(database).seq == 10


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE audit SET data = '{\"number\":99}' WHERE seq = 5", "event 5"),
        ("UPDATE audit SET time = 5 WHERE seq = 7", "event 7"),
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 1", "event 1"),
        ("UPDATE audit SET hash = 'x' WHERE seq = 10", "event 10"),
        ("DELETE FROM audit WHERE seq = 4", "event 4 is missing"),
        ("DELETE FROM audit WHERE seq = 1", "event 1 is missing"),
    ],
)
def test_an_edit_or_a_gap_is_named(database: Path, statement: str, named: str) -> None:
    tamper(database, statement)
    with pytest.raises(AuditBrokenError, match=named):
        verify_file(database)


def test_only_a_checkpoint_shows_that_the_tail_was_cut(database: Path) -> None:
    kept = verify_file(database)
    tamper(database, "DELETE FROM audit WHERE seq > 8")
    assert verify_file(database).seq == 8
    with pytest.raises(AuditBrokenError, match="cut off or rewritten"):
        verify_file(database, kept)


def test_only_a_checkpoint_shows_that_everything_was_rewritten(database: Path) -> None:
    kept = verify_file(database)
    first = (1, 1000.0, "controller", "change.made", "INC-1", "{}")
    tamper(database, "DELETE FROM audit")
    connection = sqlite3.connect(database)
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (*first, chain_hash("0" * 64, first)))
    connection.commit()
    connection.close()
    assert verify_file(database).seq == 1
    with pytest.raises(AuditBrokenError):
        verify_file(database, kept)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "INSERT INTO audit VALUES (12,0,'','','','','')"]
)
def test_the_database_itself_refuses_to_change_the_audit(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_numbers_that_json_does_not_know_cannot_enter(database: Path) -> None:
    connection = sqlite3.connect(database)
    with pytest.raises(ValueError, match="JSON compliant"):
        append(connection, 1.0, "x", "y", {"drop": float("nan")}, actor="controller")
    connection.close()


def test_a_file_that_is_no_database_is_broken_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with pytest.raises(FileNotFoundError):
        verify_file(path)
    path.write_bytes(b"garbage" * 100)
    with pytest.raises(AuditBrokenError):
        verify_file(path)


def test_a_checkpoint_of_before_the_first_event_is_no_checkpoint(database: Path) -> None:
    with pytest.raises(AuditBrokenError):
        verify_file(database, Checkpoint(3, "0" * 64))


def test_what_is_asked_at_every_scrape_reads_no_more_than_it_returns(tmp_path: Path) -> None:
    """A store of a release that had no such index gets it when it is opened."""
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as old:
        old.execute("DROP INDEX audit_action")
    plans: list[str] = []
    with closing(Store(tmp_path)) as store:
        connection = store._connection
        connection.set_trace_callback(
            lambda query: plans.append(query) if " audit " in query and query.startswith("SELECT") else None
        )
        store.newest("drill.passed")
        store.audit_of(["drill.passed", "controller.armed"])
        store.acted()
        connection.set_trace_callback(None)
        assert len(plans) == 3
        for query in plans:
            said = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert any("USING INDEX audit_action (action=?" in step for step in said), f"{query}: {said}"
