"""Signed checkpoints and witnesses show what a chain alone cannot, and retention breaks none of them."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.rollback import DATABASE, AuditBrokenError, Checkpoint, verify_file, verify_lines
from otel_clinical.rollback.audit import KEEPERS, chain_hash
from otel_clinical.rollback.retention import RETENTION, prune
from otel_clinical.rollback.signatures import check_digest, newest, verify_checkpoints
from otel_clinical.rollback.signing import PRIVATE, Signer, check_signature, signer
from otel_clinical.rollback.store import Store
from otel_clinical.semconv import metrics
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import Controller, value

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_790_000_000.0
FORGED_BEGINNING = "INSERT INTO audit_anchor SELECT 1, 2, hash FROM audit LIMIT 1"
OLD = NOW - RETENTION - 86_400


def events(state: Path, number: int, *, at: float = NOW, sign: bool = True) -> Path:
    """Note some events and sign the head; return the database."""
    with closing(Store(state)) as store:
        for index in range(number):
            store.note("controller.started", "controller", {"number": index}, at + index)
        if sign and (made := signer(state)) is not None:
            store.sign(made, at + number)
    return state / DATABASE


def tamper(database: Path, *statements: str) -> None:
    """Change rows as somebody with the file in hand can: triggers gone."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for kind in ("audit", "checkpoints"):
            for trigger in ("no_update", "no_delete", "in_order"):
                connection.execute(f"DROP TRIGGER IF EXISTS {kind}_{trigger}")
        for statement in statements:
            connection.execute(statement)


def test_a_checkpoint_is_signed_by_a_key_that_only_the_controller_can_read(tmp_path: Path) -> None:
    database = events(tmp_path, 5)
    assert verify_checkpoints(database) == 1
    assert (tmp_path / PRIVATE).stat().st_mode & 0o077 == 0
    signed = newest(database)
    assert signed is not None
    assert signed.head == verify_file(database)
    check_signature(signed, signed.key)
    with pytest.raises(AuditBrokenError, match="signed by key"):
        check_signature(signed, Signer(b"x" * 32).public)


def test_the_same_head_is_signed_once_and_the_key_is_kept(tmp_path: Path) -> None:
    events(tmp_path, 2)
    events(tmp_path, 0)
    assert verify_checkpoints(events(tmp_path, 1)) == 2
    with closing(Store(tmp_path)) as store:
        assert store.last_checkpoint() == newest(tmp_path / DATABASE)


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (["DELETE FROM audit WHERE seq = 5"], "checkpoint 5 is beyond the chain, which ends at 4"),
        (["DELETE FROM audit WHERE seq = 3"], "event 3 is missing"),
        (["UPDATE audit SET actor = 'x' WHERE seq = 2"], "event 2"),
        (["UPDATE checkpoints SET hash = replace(hash, substr(hash, 1, 1), 'z')"], "not the one that checkpoint 5"),
        (
            ["DELETE FROM audit WHERE seq < 3", "INSERT INTO audit_anchor SELECT 1, 2, hash FROM audit LIMIT 1"],
            "event 3",
        ),
    ],
)
def test_a_cut_tail_an_edit_and_a_forged_beginning_are_named(
    statements: list[str], problem: str, tmp_path: Path
) -> None:
    database = events(tmp_path, 5)
    tamper(database, *statements)
    with pytest.raises(AuditBrokenError, match=problem):
        verify_file(database)


def test_a_rewritten_chain_does_not_match_what_was_signed_and_cannot_be_signed_again(tmp_path: Path) -> None:
    database = events(tmp_path, 1)
    row = (1, NOW, "controller", "controller.started", "controller", '{"number":7}')
    forged = chain_hash("0" * 64, row)
    tamper(database, f"UPDATE audit SET data = '{{\"number\":7}}', hash = '{forged}'")  # noqa: S608 -- the attack
    with pytest.raises(AuditBrokenError, match="checkpoint 1"):
        verify_file(database)
    tamper(database, f"UPDATE checkpoints SET hash = '{forged}'")  # noqa: S608 -- the attack
    verify_file(database)
    with pytest.raises(AuditBrokenError, match="signature of checkpoint 1 does not hold"):
        verify_checkpoints(database)


def test_the_digest_that_prometheus_keeps_is_a_witness(tmp_path: Path) -> None:
    database = events(tmp_path, 3)
    head = verify_file(database)
    check_digest(database, head.seq, head.digest)
    assert float(head.digest) == head.digest
    with pytest.raises(AuditBrokenError, match="witness has kept"):
        check_digest(database, head.seq, head.digest + 1)
    with pytest.raises(AuditBrokenError, match="is not there"):
        check_digest(database, 99, 1)


def test_events_past_their_retention_are_archived_and_the_chain_stays_whole(tmp_path: Path) -> None:
    events(tmp_path, 6, at=OLD)
    old = verify_file(tmp_path / DATABASE)
    database = events(tmp_path, 4)
    archive = tmp_path / "archive.jsonl"
    done = prune(database, NOW - RETENTION, archive, by="ana", now=NOW + 10)
    assert (done.events, done.through) == (6, 6)
    assert verify_file(database).seq == 11
    assert verify_lines(archive.read_text().splitlines(), old).seq == 6
    assert verify_checkpoints(database) == 1
    with closing(sqlite3.connect(database)) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM audit")
    events(tmp_path, 1, at=NOW + 20)
    assert verify_file(database).seq == 12


def test_a_beginning_that_was_cut_without_saying_so_is_no_archive(tmp_path: Path) -> None:
    database = events(tmp_path, 5, sign=False)
    with closing(sqlite3.connect(database)) as connection:
        (kept,) = connection.execute("SELECT hash FROM audit WHERE seq = 2").fetchone()
    tamper(database, "DELETE FROM audit WHERE seq <= 2", f"INSERT INTO audit_anchor VALUES (1, 2, '{kept}')")  # noqa: S608
    with pytest.raises(AuditBrokenError, match="no event says that they were archived"):
        verify_file(database)


def test_nothing_is_pruned_inside_the_retention_or_over_an_archive(tmp_path: Path) -> None:
    database = events(tmp_path, 3, at=OLD)
    with pytest.raises(ValueError, match="at least 2192 days"):
        prune(database, NOW - 86_400, tmp_path / "a", by="ana", now=NOW)
    (tmp_path / "a").touch()
    with pytest.raises(FileExistsError):
        prune(database, NOW - RETENTION, tmp_path / "a", by="ana", now=NOW)
    assert verify_file(database).seq == 3
    assert len(KEEPERS) == 2


def test_without_the_library_that_signs_the_controller_goes_on_unsigned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert signer(tmp_path) is None


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / PRIVATE).write_text("not a key")
    with pytest.raises(AuditBrokenError, match="64 hexadecimal digits"):
        signer(tmp_path)


def test_a_running_controller_signs_shows_its_digest_and_the_command_line_checks_all_of_it(
    controller: Controller, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, database = controller.folder, controller.folder / "state" / DATABASE
    state, out = f"--state={folder / 'state'}", folder / "checkpoint.json"
    signed = wait_until(lambda: newest(database), within=60, what="a signed checkpoint")
    sequence = value(controller, metrics.ROLLBACK_AUDIT_SEQUENCE.prometheus)
    digest = value(controller, metrics.ROLLBACK_AUDIT_DIGEST.prometheus)
    assert run(["audit", "checkpoint", state, f"--out={out}"]) == 0
    assert json.loads(out.read_text())["key"] == signed.key
    witness = f"--witness={sequence:.0f}:{digest:.0f}"
    assert run(["audit", "verify", state, f"--against={out}", f"--key={signed.key}", witness]) == 0
    assert "1 signed checkpoints" in capsys.readouterr().out
    assert run(["audit", "verify", state, f"--key={'0' * 64}"]) == 1
    assert "signed by key" in capsys.readouterr().err
    assert run(["audit", "verify", state, f"--witness={sequence:.0f}:7"]) == 1
    assert run(["audit", "prune", state, "--before=2020-01-01", f"--archive={folder / 'a'}", "--by=ana"]) == 2
    assert "no event of before that day" in capsys.readouterr().err
    assert Checkpoint(signed.seq, signed.hash) == signed.head


def test_a_kill_while_the_key_is_made_leaves_no_half_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(descriptor: int) -> None:
        raise KeyboardInterrupt(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            signer(tmp_path)
    assert not (tmp_path / PRIVATE).exists()
    assert signer(tmp_path) is not None
    assert [path.name for path in tmp_path.glob("audit-key*.new")] == []
