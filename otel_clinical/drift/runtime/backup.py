"""Copies of a state directory: taken while the processor runs, verified, and put back."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from otel_clinical.drift.runtime._lock import DirectoryLock, StateDirectoryError, refuse_network_file_system
from otel_clinical.drift.runtime._mark import Mark
from otel_clinical.drift.runtime._schema import SchemaError, require_known
from otel_clinical.drift.runtime._trouble import trouble
from otel_clinical.drift.runtime.store import DATABASE, LOCK, MARK, last_sequence, open_database, read_counters
from otel_clinical.semconv import metrics

_PARTS = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", MARK)


@dataclass(frozen=True)
class Contents:
    """What is in a copy.

    Attributes:
        requests: Number of the newest request in it.
        events: Accepted events, all signals together, as of its last checkpoint.
        pending: Requests in it that come after its last checkpoint; a start applies them.
    """

    requests: int
    events: int
    pending: int


def back_up(directory: Path, target: Path) -> Contents:
    """Copy the state of a processor, whether it runs or not, into one file that holds all of it.

    The copy is of one moment, is verified as at a start, and appears under its name only when it is complete.

    Raises:
        StateDirectoryError: There is no state, the copy cannot be written, or it does not verify.
    """
    source = directory / DATABASE
    if not source.exists():
        raise StateDirectoryError(f"{directory}: no {DATABASE} here; is it the --state of a processor?")
    try:
        with _draft(target) as draft:
            with (
                closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
                closing(sqlite3.connect(draft)) as writing,
            ):
                require_known(reading)
                reading.backup(writing)
            return _verified(draft, source)
    except OSError as error:
        raise StateDirectoryError(f"{source}: cannot be copied to {target} ({error.strerror})") from error
    except (sqlite3.Error, SchemaError) as error:
        raise StateDirectoryError(trouble(source, error)) from error


def restore(directory: Path, file: Path) -> tuple[Contents, Path | None]:
    """Put a copy into the place of a state; what was there is moved aside, not removed.

    Returns:
        What the copy holds, and where the replaced files are; None if there were none.

    Raises:
        StateDirectoryError: A processor runs on the directory, or the copy cannot be read or does not verify.
    """
    if not file.is_file():
        raise StateDirectoryError(f"{file}: there is no such file; give one made by `otel-clinical processor backup`")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network_file_system(directory)
        with closing(DirectoryLock(directory / LOCK)), _draft(directory / DATABASE, replace=False) as draft:
            draft.write_bytes(file.read_bytes())
            contents = _verified(draft, file)
            aside = _move_aside(directory)
            draft.replace(directory / DATABASE)
            with closing(Mark(directory / MARK)) as mark:
                mark.write(contents.requests)
            _hand_over(directory)
            _sync(directory)
    except OSError as error:
        raise StateDirectoryError(f"{directory}: cannot be restored ({error.strerror})") from error
    return contents, aside


@contextmanager
def _draft(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield an empty file beside `target`, only for its owner, that takes its name when the block is through."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.touch(mode=0o600, exist_ok=False)
        yield draft
        if replace:
            draft.replace(target)
            _sync(target.parent)
    finally:
        for part in (draft, *(draft.with_name(draft.name + end) for end in ("-wal", "-shm"))):
            part.unlink(missing_ok=True)


def _verified(draft: Path, of: Path) -> Contents:
    """Verify a copy as a start does, and leave it as one file that is on the disk."""
    connection, seal = open_database(draft, of)
    with closing(connection):
        name = metrics.PROCESSOR_EVENTS.prometheus
        events = sum(value for (found, _), value in read_counters(connection).items() if found == name)
        last = last_sequence(connection)
        (pending,) = connection.execute("SELECT count(*) FROM journal WHERE seq > ?", (seal.through,)).fetchone()
        connection.execute("PRAGMA journal_mode=DELETE")
    _sync(draft)
    return Contents(last, events, int(pending))


def _move_aside(directory: Path) -> Path | None:
    """Move the files of the present state into a folder of their own and return it."""
    present = [directory / part for part in _PARTS if (directory / part).exists()]
    if not any(part.stat().st_size for part in present):
        return None
    aside = directory / time.strftime("replaced-%Y%m%dT%H%M%SZ", time.gmtime())
    aside.mkdir(mode=0o700)
    for part in present:
        part.rename(aside / part.name)
    return aside


def _hand_over(directory: Path) -> None:
    """Give what root has just made to whom the directory belongs: the processor runs as somebody else."""
    if os.geteuid() != 0:
        return
    owner = directory.stat()
    for part in (*_PARTS, LOCK):
        if (directory / part).exists():
            os.chown(directory / part, owner.st_uid, owner.st_gid)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
