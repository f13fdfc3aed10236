"""What a state directory keeps beside the evidence, for people: late records, refused ones, and those set aside."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_clinical.drift.runtime._lock import DirectoryLock, StateDirectoryError
from otel_clinical.drift.runtime._schema import SchemaError, require_known
from otel_clinical.drift.runtime._trouble import trouble
from otel_clinical.drift.runtime.store import DATABASE, LOCK


@dataclass(frozen=True)
class Refused:
    """One request or record that was not used, described without any of its content.

    Attributes:
        number: Its number in the table.
        received: Unix seconds at which it was written down.
        signal: traces or logs.
        reason: A value of the rejection enum.
        detail: Which rule it broke.
        size: Bytes.
        digest: SHA-256 of the bytes, hexadecimal.
    """

    number: int
    received: float
    signal: str
    reason: str
    detail: str
    size: int
    digest: str


@dataclass(frozen=True)
class SetAside:
    """One acknowledged request that could not be applied.

    Attributes:
        number: Its journal number.
        received: Unix seconds at which it arrived.
        signal: traces or logs.
        error: Type of the error that it caused.
        size: Bytes of its numbers.
    """

    number: int
    received: float
    signal: str
    error: str
    size: int


def late_records(directory: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return (number, content) of every record that came too late, oldest first; the processor may run.

    Raises:
        StateDirectoryError: There is no state that can be read.
    """
    with _reading(directory) as connection:
        rows = connection.execute("SELECT id, content FROM correction ORDER BY id").fetchall()
    return [(number, json.loads(content)) for number, content in rows]


def forget_late_records(directory: Path, through: int) -> int:
    """Remove the late records up to a number, and return how many there were; the processor may run.

    Raises:
        StateDirectoryError: There is no state, or it takes no writes.
    """
    with _writing(directory) as connection:
        return connection.execute("DELETE FROM correction WHERE id <= ?", (through,)).rowcount


def refused(directory: Path) -> list[Refused]:
    """Return what was refused, newest first; the processor may run.

    Raises:
        StateDirectoryError: There is no state that can be read.
    """
    with _reading(directory) as connection:
        rows = connection.execute(
            "SELECT id, received, signal, reason, detail, size, digest FROM quarantine ORDER BY id DESC"
        ).fetchall()
    return [Refused(*row) for row in rows]


def set_aside(directory: Path) -> list[SetAside]:
    """Return the requests that were acknowledged and could not be applied, oldest first; the processor may run.

    Raises:
        StateDirectoryError: There is no state that can be read.
    """
    with _reading(directory) as connection:
        rows = connection.execute(
            "SELECT seq, received, signal, poison, length(batch) FROM journal WHERE poison IS NOT NULL ORDER BY seq"
        ).fetchall()
    return [SetAside(*row) for row in rows]


def retry(directory: Path) -> int:
    """Let the next start apply what was set aside again, and return how many requests that are.

    Raises:
        StateDirectoryError: There is no state, it takes no writes, or a processor runs on it.
    """
    _require(directory)
    with closing(_locked(directory)), _writing(directory) as connection:
        return connection.execute("UPDATE journal SET poison = NULL WHERE poison IS NOT NULL").rowcount


def _locked(directory: Path) -> DirectoryLock:
    try:
        return DirectoryLock(directory / LOCK)
    except OSError as error:
        raise StateDirectoryError(trouble(directory / DATABASE, error)) from error


def _require(directory: Path) -> Path:
    path = directory / DATABASE
    if not path.exists():
        raise StateDirectoryError(f"{directory}: no {DATABASE} here; is it the --state of a processor?")
    return path


@contextmanager
def _reading(directory: Path) -> Iterator[sqlite3.Connection]:
    yield from _connected(directory, "ro")


@contextmanager
def _writing(directory: Path) -> Iterator[sqlite3.Connection]:
    yield from _connected(directory, "rw")


def _connected(directory: Path, mode: str) -> Iterator[sqlite3.Connection]:
    path = _require(directory)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30)) as connection:
            require_known(connection)
            yield connection
            connection.commit()
    except (sqlite3.Error, SchemaError) as error:
        raise StateDirectoryError(trouble(path, error)) from error
