"""The state file: what is in it after each step, and what is refused at the door."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.runtime import StateDirectoryError, store
from otel_clinical.drift.runtime._entry import Entry, Quarantined, Signal
from otel_clinical.drift.runtime._lock import refuse_network_file_system
from otel_clinical.drift.runtime.store import Checkpoint, Store, StoreUnavailableError
from otel_clinical.simulate._waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENTRY = Entry(Signal.TRACES, 1.5, b"batch", {"unknown_model": 2})
REFUSED = Quarantined(Signal.LOGS, "undecodable", "no protobuf", 7, "ab" * 32)
DISTURBED = "disk I/O error"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    opened_store = Store(tmp_path)
    yield opened_store
    opened_store.close()


def entries(opened: Store) -> list[tuple[int, Entry | ValueError]]:
    return list(opened.journal())


class TestJournal:
    def test_entries_come_back_in_order_until_a_checkpoint_covers_them(self, opened: Store):
        others = [replace(ENTRY, batch=bytes([n])) for n in range(3)]
        assert opened.append([ENTRY]) == [1]
        assert opened.append(others) == [2, 3, 4]
        assert entries(opened) == list(enumerate([ENTRY, *others], start=1))
        opened.checkpoint(Checkpoint(through=2))
        assert [number for number, _ in entries(opened)] == [3, 4]

    def test_numbers_are_never_given_twice(self, opened: Store):
        opened.append([ENTRY])
        opened.checkpoint(Checkpoint(through=1))
        assert opened.last_sequence() == 1
        assert opened.append([ENTRY]) == [2]

    def test_it_is_durable_in_wal_mode_with_an_fsync_per_commit(self, opened: Store):
        (mode,) = opened._connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = opened._connection.execute("PRAGMA synchronous").fetchone()
        assert (mode, synchronous) == ("wal", 2)

    def test_its_log_is_copied_beside_it_and_begun_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(store, "_COPIED_BYTES", 400 * 1024)
        large = replace(ENTRY, batch=bytes(1_000_000))
        with closing(Store(tmp_path)) as opened:
            for _ in range(20):
                (number,) = opened.append([large])
                opened.checkpoint(Checkpoint(through=number))
                wait_until(opened._backfill._done.is_set, within=60, what="the log to be copied")
            assert (tmp_path / "state.db-wal").stat().st_size < 5 * len(large.batch)
        with closing(Store(tmp_path)) as again:
            assert again.last_sequence() == 20

    def test_a_damaged_row_is_found(self, opened: Store):
        opened.append([ENTRY, ENTRY])
        opened._connection.execute("UPDATE journal SET batch = ? WHERE seq = 1", (b"bitch",))
        (_, damaged), (_, sound) = entries(opened)
        assert isinstance(damaged, ValueError)
        assert sound == ENTRY

    def test_an_entry_set_aside_is_kept_but_never_comes_back(self, opened: Store):
        opened.append([ENTRY, ENTRY])
        opened.poison(1, "ValueError")
        opened.checkpoint(Checkpoint(through=2))
        assert entries(opened) == []
        assert opened._connection.execute("SELECT seq, poison FROM journal").fetchall() == [(1, "ValueError")]


class TestCheckpoint:
    def test_states_counters_and_outbox_survive_a_restart(self, tmp_path: Path):
        first = Store(tmp_path)
        counters = {("events", ("inference",)): 7, ("other", ("a", "b")): 1}
        first.checkpoint(Checkpoint(0, {"a": b"1", "b": b"2"}, counters, {"id": "{}"}))
        first.checkpoint(Checkpoint(0, {"a": b"", "c": b"3"}, {("events", ("inference",)): 8}, {"id": "{}"}))
        first.close()
        with closing(Store(tmp_path)) as second:
            assert second.states() == {"b": b"2", "c": b"3"}
            assert second.counters() == counters | {("events", ("inference",)): 8}
            assert second._connection.execute("SELECT count(*) FROM outbox").fetchone() == (1,)

    def test_a_failure_in_the_middle_changes_nothing(self, opened: Store, monkeypatch: pytest.MonkeyPatch):
        opened.append([ENTRY])
        opened.checkpoint(Checkpoint(0, {"a": b"1"}))

        def fail(_point: object) -> None:
            raise sqlite3.OperationalError(DISTURBED)

        with monkeypatch.context() as patched:
            patched.setattr(opened._faults, "passing", fail)
            with pytest.raises(StoreUnavailableError, match=DISTURBED):
                opened.checkpoint(Checkpoint(1, {"a": b"2"}, {("events", ()): 1}))
        assert opened.states() == {"a": b"1"}
        assert opened.counters() == {}
        assert len(entries(opened)) == 1

    def test_quarantine_and_outbox_stay_bounded(self, opened: Store, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(store, "QUARANTINE_ROWS", 5)
        monkeypatch.setattr(store, "OUTBOX_ROWS", 5)
        for number in range(4):
            opened.append([replace(ENTRY, quarantined=(replace(REFUSED, size=number),) * 3)])
            opened.checkpoint(Checkpoint(0, outbox={f"{number}-{n}": "{}" for n in range(3)}, quarantined=(REFUSED,)))
        assert opened._connection.execute("SELECT count(*) FROM quarantine").fetchone() == (5,)
        assert opened._connection.execute("SELECT count(*) FROM outbox").fetchone() == (5,)
        newest = opened._connection.execute("SELECT size FROM quarantine ORDER BY id DESC LIMIT 2").fetchall()
        assert newest == [(7,), (3,)]


class TestDirectory:
    def test_a_second_processor_is_refused_and_told_who_is_first(self, opened: Store, tmp_path: Path):
        with pytest.raises(StateDirectoryError, match=r"another processor \(pid \d+\)"):
            Store(tmp_path)
        opened.append([ENTRY])

    def test_only_its_owner_can_read_it(self, tmp_path: Path):
        with closing(Store(tmp_path / "new" / "state")):
            assert (tmp_path / "new" / "state").stat().st_mode & 0o077 == 0
            for file in (tmp_path / "new" / "state").iterdir():
                assert file.stat().st_mode & 0o077 == 0, file

    @pytest.mark.parametrize(
        "content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4096], ids=["words", "header"]
    )
    def test_a_damaged_file_is_refused_and_left_as_it_is(self, tmp_path: Path, content: bytes):
        (tmp_path / "state.db").write_bytes(content)
        with pytest.raises(StateDirectoryError, match="processor restore"):
            Store(tmp_path)
        assert (tmp_path / "state.db").read_bytes() == content

    def test_a_page_damaged_at_rest_is_found_at_the_start(self, tmp_path: Path):
        with closing(Store(tmp_path)) as sound:
            sound.checkpoint(Checkpoint(0, {f"key-{n}": bytes(500) for n in range(200)}))
        content = bytearray((tmp_path / "state.db").read_bytes())
        for page in range(8 * 4096, len(content), 4096):
            content[page : page + 64] = b"\xa5" * 64
        (tmp_path / "state.db").write_bytes(content)
        with pytest.raises(StateDirectoryError, match="cannot be used"):
            Store(tmp_path)

    def test_a_file_from_a_newer_version_is_refused(self, tmp_path: Path):
        Store(tmp_path).close()
        with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
            connection.execute("PRAGMA user_version = 99")
        with pytest.raises(StateDirectoryError, match="newer"):
            Store(tmp_path)

    def test_a_file_of_another_program_is_refused(self, tmp_path: Path):
        with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
            connection.execute("PRAGMA application_id = 77")
            connection.execute("CREATE TABLE theirs (x)")
        with pytest.raises(StateDirectoryError, match="another program"):
            Store(tmp_path)

    def test_a_place_that_cannot_be_a_directory_is_one_sentence(self, tmp_path: Path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StateDirectoryError, match="cannot be used"):
            Store(tmp_path / "file" / "state")

    @pytest.mark.parametrize(("kind", "refused"), [("nfs4", True), ("cifs", True), ("ext4", False), ("tmpfs", False)])
    def test_network_file_systems_are_refused(self, tmp_path: Path, kind: str, refused: bool):  # noqa: FBT001
        mounts = tmp_path / "mountinfo"
        point = str(tmp_path).replace(" ", "\\040")
        mounts.write_text(f"22 1 8:1 / / rw - ext4 /dev/sda rw\n36 22 0:3 / {point} rw,noatime - {kind} srv:/x rw\n")
        if not refused:
            refuse_network_file_system(tmp_path, mounts)
            return
        with pytest.raises(StateDirectoryError, match=kind):
            refuse_network_file_system(tmp_path, mounts)
