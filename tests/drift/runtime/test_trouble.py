"""A state that cannot be used: each command names it, says why, and never advises to give up what is sound."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.drift.runtime._trouble import trouble
from otel_clinical.policy import load_policy
from tests.drift.runtime import _world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANY = [word for name in ("http", "grpc", "metrics") for word in (f"--{name}", "127.0.0.1:0")]
GIVEN_UP = "the evidence then begins anew"


def newer(state: Path) -> None:
    with closing(sqlite3.connect(state / "state.db")) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(state: Path) -> None:
    with closing(sqlite3.connect(state / "state.db")) as connection:
        connection.execute("PRAGMA application_id = 7")


def text(state: Path) -> None:
    for file in state.glob("state.db*"):
        file.unlink()
    (state / "state.db").write_text("no database at all, and long enough to be looked at\n" * 3)


def directory(state: Path) -> None:
    for file in state.glob("state.db*"):
        file.unlink()
    (state / "state.db").mkdir()


BROKEN = {
    "newer": (newer, "run that version or a later one", False),
    "foreign": (foreign, "belongs to another program", False),
    "text": (text, "file is not a database", True),
    "directory": (directory, "state.db", False),
}
COMMANDS = {
    "check": ["processor", "check", *ANY],
    "run": ["processor", "run", *ANY],
    "status": ["processor", "status"],
    "explain": ["processor", "explain", "all"],
    "backup": ["processor", "backup"],
    "corrections": ["processor", "corrections"],
    "quarantine": ["quarantine", "list"],
    "retry": ["quarantine", "retry"],
}
WITH_POLICY = {"check", "run", "status", "explain"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, policy_path: Path) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "state"
    _world.open_pipeline(folder, of=load_policy(policy_path)).close()
    return folder


@pytest.fixture
def said(
    tmp_path: Path, policy_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, Path], tuple[int, str]]:
    def call(name: str, state: Path) -> tuple[int, str]:
        words = [*COMMANDS[name], "--state", str(state)]
        words += ["--policy", str(policy_path)] if name in WITH_POLICY else []
        words += [str(tmp_path / "copy")] if name == "backup" else []
        code = run(words)
        found = capsys.readouterr()
        return code, found.out + found.err

    return call


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_is_wrong_with_the_state_and_what_to_do(
    said, sound: Path, tmp_path: Path, name: str, kind: str
):
    state = tmp_path / "state"
    shutil.copytree(sound, state)
    spoil, why, lost = BROKEN[kind]
    spoil(state)
    code, words = said(name, state)
    assert code in {1, 2}, words
    assert f"{state}/state.db: cannot be used" in words
    assert why in words
    assert (GIVEN_UP in words) is lost
    assert "defect" not in words


def error_of(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    "error",
    [error_of("SQLITE_READONLY"), error_of("SQLITE_CANTOPEN"), PermissionError(errno.EACCES, "Permission denied")],
)
def test_whoever_may_not_use_it_is_told_who_may(sound: Path, error, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: sound.stat().st_uid + 54321)
    words = trouble(sound / "state.db", error)
    assert f"chown -R {sound.stat().st_uid + 54321} {sound}" in words
    assert "it belongs to" in words
    assert GIVEN_UP not in words
    monkeypatch.setattr(os, "geteuid", lambda: sound.stat().st_uid)
    assert "look at the permissions" in trouble(sound / "state.db", error)


@pytest.mark.parametrize("name", ["SQLITE_IOERR_READ", "SQLITE_FULL", "SQLITE_BUSY"])
def test_a_disk_that_fails_is_no_reason_to_give_the_state_up(sound: Path, name: str):
    words = trouble(sound / "state.db", error_of(name))
    assert "may be sound" in words
    assert GIVEN_UP not in words
    assert GIVEN_UP in trouble(sound / "state.db", error_of("SQLITE_CORRUPT_INDEX"))
