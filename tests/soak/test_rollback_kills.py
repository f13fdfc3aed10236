"""The short form of the rollback soak: every rollback happens once, and one too many or too few would be seen."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from otel_clinical.rollback import activate_version
from soak.rollback import soak


def test_a_controller_that_is_killed_under_duplicates_rolls_back_exactly_once():
    result = soak(8, 60, seed=7)
    assert result.problems == []
    assert (result.double, result.lost) == (0, 0)
    assert result.kills.total() == 8
    assert result.stories >= 2
    assert result.recorded >= result.acknowledged >= 60


def test_a_second_change_of_the_pointer_is_found():
    def again(controller):
        activate_version(controller.terms, "8", by="somebody", at=time.time())

    result = soak(1, 3, seed=8, tamper=again)
    assert result.double == 1
    assert any("more than one effect" in line for line in result.problems)


def tampered(statement):
    """Return what runs a statement on the audit of a controller, whose guards against that are taken away first."""

    def tamper(controller):
        with closing(sqlite3.connect(controller.database)) as connection, connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute(statement)

    return tamper


def test_a_lost_webhook_is_found():
    cut = tampered("DELETE FROM audit WHERE seq > (SELECT max(seq) FROM audit) - 30")
    result = soak(1, 80, seed=9, tamper=cut)
    assert result.lost == 1
    assert any("webhooks were acknowledged" in line for line in result.problems)


def test_a_changed_event_is_found():
    result = soak(1, 3, seed=10, tamper=tampered("UPDATE audit SET actor = 'nobody' WHERE seq = 2"))
    assert any("AuditBrokenError" in line for line in result.problems)
