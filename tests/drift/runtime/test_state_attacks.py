"""State that was cut, damaged, removed or put back from yesterday is noticed, and never taken for a fresh one."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.kernel import CodecError
from otel_clinical.drift.runtime import StateDirectoryError
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime.backup import back_up, restore
from otel_clinical.drift.runtime.store import Store
from otel_clinical.policy import Policy, load_policy
from otel_clinical.semconv import metrics
from tests.drift.runtime import _world
from tests.drift.runtime._harness import TRACES
from tests.drift.runtime._traffic import make_traffic

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.drift.runtime._pipeline import Pipeline

START = 1_790_000_000.0
REJECTIONS = metrics.PROCESSOR_REJECTIONS.prometheus
REFUSALS = (StateDirectoryError, CodecError)


@dataclass(frozen=True)
class Written:
    """State directories as a kill leaves them, with the write-ahead log still there, and what is in the newest."""

    newest: Path
    older: Path
    moved: Path
    policy: Policy
    known: dict[object, object]

    def copy(self, to: Path, source: str = "newest") -> Path:
        return shutil.copytree(getattr(self, source), to / "state")

    def open(self, folder: Path) -> Pipeline:
        return _world.open_pipeline(folder, of=self.policy)


def knowledge(pipeline: Pipeline) -> dict[object, object]:
    pipeline.checkpoint()
    return pipeline._store.states() | pipeline.tally.totals()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, policy_path: Path) -> Written:
    folder = tmp_path_factory.mktemp("written")
    policy = load_policy(policy_path)
    pipeline = _world.open_pipeline(folder / "live", of=policy)
    pipeline._store._backfill.close()  # what is copied shall not change meanwhile, and all of its log shall count
    for number, (path, body) in enumerate(make_traffic(START, rounds=12).requests):
        signal = Signal.TRACES if path == TRACES else Signal.LOGS
        work = _world.work(signal, body, START + 10_000)
        pipeline.apply(pipeline.commit([work]), [work])
        if number == 8:
            pipeline.checkpoint()
            shutil.copytree(folder / "live", folder / "older")
        if number == 16:
            pipeline.checkpoint()
    shutil.copytree(folder / "live", folder / "newest")
    pipeline._store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(folder / "live", folder / "moved")
    known = knowledge(pipeline)
    pipeline.close()
    return Written(folder / "newest", folder / "older", folder / "moved", policy, known)


@pytest.mark.parametrize("source", ["newest", "moved"])
def test_what_nobody_touched_goes_on(written: Written, tmp_path: Path, source: str):
    with closing(written.open(written.copy(tmp_path, source))) as pipeline:
        assert pipeline.pending > 0
        assert knowledge(pipeline) == written.known


def cut(file: Path, share: float) -> None:
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.truncate(int(size * share))


def spoil(file: Path, share: float) -> None:
    with file.open("r+b") as opened:
        opened.seek(int(file.stat().st_size * share))
        opened.write(b"\xa5" * 64)


WAL = "state.db-wal"
LOST = {
    "log removed": lambda folder: (folder / WAL).unlink(),
    "log empty": lambda folder: cut(folder / WAL, 0.0),
    "log cut in half": lambda folder: cut(folder / WAL, 0.5),
    "log without its end": lambda folder: cut(folder / WAL, 0.99),
    "log damaged in the middle": lambda folder: spoil(folder / WAL, 0.5),
    "log damaged at its beginning": lambda folder: spoil(folder / WAL, 0.0),
    "database removed": lambda folder: (folder / "state.db").unlink(),
    "all removed but the mark": lambda folder: [f.unlink() for f in folder.iterdir() if f.name != "state.mark"],
}


@pytest.mark.parametrize("attack", LOST.values(), ids=LOST)
def test_lost_requests_are_missed(written: Written, tmp_path: Path, attack):
    folder = written.copy(tmp_path)
    attack(folder)
    for _ in range(2):  # and a second try makes it no better
        with pytest.raises(StateDirectoryError, match=r"was acknowledged.*processor restore.*state\.mark"):
            Store(folder)


def test_a_state_from_yesterday_is_not_taken_for_todays(written: Written, tmp_path: Path):
    folder = written.copy(tmp_path, "older")
    shutil.copy(written.newest / "state.mark", folder)
    with pytest.raises(StateDirectoryError, match="was acknowledged"):
        Store(folder)


def test_lost_requests_can_be_given_up_by_hand(written: Written, tmp_path: Path):
    folder = written.copy(tmp_path)
    cut(folder / WAL, 0.5)
    (folder / "state.mark").unlink()
    with closing(written.open(folder)) as pipeline:
        assert knowledge(pipeline) != written.known


ROWS = {
    "a state is missing": "DELETE FROM state WHERE key = (SELECT max(key) FROM state)",
    "all states are missing": "DELETE FROM state",
    "a state was added": "INSERT INTO state SELECT key || 'x', blob FROM state LIMIT 1",
    "a state is that of another": "UPDATE state SET blob = (SELECT max(blob) FROM state) WHERE key = 'clock'",
    "a counter was changed": "UPDATE counter SET value = value + 1 WHERE value > 100",
    "a counter is missing": "DELETE FROM counter WHERE value > 100",
    "a request is missing": "DELETE FROM journal WHERE seq = (SELECT max(seq) - 2 FROM journal)",
    "the seal is missing": "DELETE FROM meta WHERE name = 'seal'",
    "the seal is another": "UPDATE meta SET value = '3:0' WHERE name = 'seal'",
}


@pytest.mark.parametrize("change", ROWS.values(), ids=ROWS)
def test_rows_that_do_not_belong_together_are_refused(written: Written, tmp_path: Path, change: str):
    folder = written.copy(tmp_path, "moved")
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        assert connection.execute(change).rowcount > 0
        connection.commit()
    with pytest.raises(StateDirectoryError, match=r"missing|changed"):
        Store(folder)


def test_an_old_state_among_new_ones_is_refused(written: Written, tmp_path: Path):
    folder = written.copy(tmp_path, "moved")
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        connection.execute("ATTACH ? AS old", (str(written.copy(tmp_path / "old", "older") / "state.db"),))
        connection.execute(
            "UPDATE state SET blob = (SELECT blob FROM old.state WHERE key = 'clock') WHERE key = 'clock'"
        )
        connection.commit()
    with pytest.raises(StateDirectoryError, match="old or changed"):
        Store(folder)


@pytest.mark.parametrize("source", ["newest", "moved"])
def test_random_damage_is_refused_or_changes_nothing(written: Written, tmp_path: Path, source: str):
    chance = random.Random(source)
    refused = 0
    for number in range(60):
        folder = written.copy(tmp_path / str(number), source)
        damaged = chance.choice([f for f in folder.iterdir() if f.suffix.startswith(".db") and f.stat().st_size])
        content = bytearray(damaged.read_bytes())
        place = chance.randrange(len(content))
        length = chance.choice([1, 16, 4096])
        content[place : place + length] = chance.randbytes(min(length, len(content) - place))
        damaged.write_bytes(content)
        try:
            pipeline = written.open(folder)
        except REFUSALS:
            refused += 1
            continue
        with closing(pipeline):
            found = knowledge(pipeline)
        set_aside = found[REJECTIONS, ("undecodable",)]
        assert found == written.known or set_aside, f"{damaged.name} at {place}, {length} bytes"
        shutil.rmtree(folder)
    assert refused >= 5


class TestBackup:
    def test_a_copy_of_a_running_state_is_the_state(self, written: Written, tmp_path: Path):
        with closing(written.open(written.copy(tmp_path))):
            found = back_up(tmp_path / "state", tmp_path / "copy.db")
        assert (found.requests, found.pending) == (25, 8)
        assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
        contents, aside = restore(tmp_path / "other", tmp_path / "copy.db")
        assert (contents, aside) == (found, None)
        with closing(written.open(tmp_path / "other")) as pipeline:
            assert knowledge(pipeline) == written.known
        assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "other", "state"]

    def test_a_restored_backup_goes_on_and_the_damaged_files_are_kept(self, written: Written, tmp_path: Path):
        folder = written.copy(tmp_path)
        back_up(folder, tmp_path / "copy.db")
        cut(folder / WAL, 0.5)
        _, aside = restore(folder, tmp_path / "copy.db")
        assert aside is not None
        assert {"state.db", WAL, "state.mark"} <= {path.name for path in aside.iterdir()}
        with closing(written.open(folder)) as pipeline:
            assert knowledge(pipeline) == written.known

    def test_an_old_backup_is_no_lost_request(self, written: Written, tmp_path: Path):
        back_up(written.copy(tmp_path / "yesterday", "older"), tmp_path / "copy.db")
        restore(written.copy(tmp_path), tmp_path / "copy.db")
        Store(tmp_path / "state").close()

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who restores for somebody else")
    def test_what_root_restores_belongs_to_whom_the_directory_belongs(self, written: Written, tmp_path: Path):
        folder = written.copy(tmp_path)
        back_up(folder, tmp_path / "copy.db")
        os.chown(folder, 12345, 12345)
        restore(folder, tmp_path / "copy.db")
        owners = {path.name: path.stat().st_uid for path in folder.iterdir() if path.is_file()}
        assert owners == dict.fromkeys(["state.db", "state.lock", "state.mark"], 12345)

    def test_a_damaged_copy_is_refused_and_nothing_is_moved(self, written: Written, tmp_path: Path):
        folder = written.copy(tmp_path)
        back_up(folder, tmp_path / "copy.db")
        cut(tmp_path / "copy.db", 0.5)
        with pytest.raises(StateDirectoryError, match="cannot be used"):
            restore(folder, tmp_path / "copy.db")
        with closing(written.open(folder)) as pipeline:
            assert knowledge(pipeline) == written.known

    def test_a_directory_in_use_is_not_restored(self, written: Written, tmp_path: Path):
        folder = written.copy(tmp_path)
        back_up(folder, tmp_path / "copy.db")
        with closing(written.open(folder)), pytest.raises(StateDirectoryError, match="another processor"):
            restore(folder, tmp_path / "copy.db")

    @pytest.mark.parametrize("place", ["state", "nowhere/copy.db"])
    def test_a_copy_that_cannot_be_written_is_one_sentence(self, written: Written, tmp_path: Path, place: str):
        folder = written.copy(tmp_path)
        with pytest.raises(StateDirectoryError, match="cannot be copied"):
            back_up(folder, tmp_path / place)

    def test_there_must_be_something_to_copy_and_to_restore(self, tmp_path: Path):
        with pytest.raises(StateDirectoryError, match=r"no state\.db here"):
            back_up(tmp_path, tmp_path / "copy.db")
        with pytest.raises(StateDirectoryError, match="no such file"):
            restore(tmp_path, tmp_path / "copy.db")
