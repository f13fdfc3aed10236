"""Everything a start would trip over, found without serving: policy, baselines, state, addresses, disk."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from otel_clinical.access import AccessError, Address, TokenFile, require_tls_off_loopback, require_token_off_loopback
from otel_clinical.drift.kernel import CodecError, Kernel
from otel_clinical.drift.runtime._listen import ListenError, bind
from otel_clinical.drift.runtime._lock import DirectoryLock, StateDirectoryError, refuse_network_file_system
from otel_clinical.drift.runtime._trouble import trouble
from otel_clinical.drift.runtime.backup import back_up
from otel_clinical.drift.runtime.service import (
    ARITHMETIC,
    ProcessorSettings,
    other_arithmetic,
    remembered_baseline,
)
from otel_clinical.drift.runtime.store import DATABASE, LOCK, MARK, check_mark
from otel_clinical.policy import BaselineError, Policy, check_change, load_baseline, outdated

_FREE_BYTES = 1024**3
_HASH_SHOWN = len("sha256:") + 12
_PROBLEMS = (AccessError, BaselineError, CodecError, ListenError, StateDirectoryError)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: The thing.
        sound: Whether a start would get past it.
        words: What was found; if it is not sound, what to do.
    """

    what: str
    sound: bool
    words: str


def preflight(policy: Policy, settings: ProcessorSettings) -> Iterator[Finding]:
    """Look at everything a start needs, one thing after the other; nothing is listened on and nothing changed.

    Args:
        policy: Loaded, so already sound.
        settings: Those of the start.
    """
    for name, model in policy.models.items():
        yield _look(f"baseline of {name}", partial(_baseline, policy, name, model.baseline.file))
    yield _look("access", lambda: _access(settings))
    for option, address in (("http", settings.http), ("grpc", settings.grpc), ("metrics", settings.metrics)):
        yield _look(f"--{option} {address}", partial(_free, address))
    yield _look(f"--state {settings.state}", lambda: _state(policy, settings.state))
    yield _disk(settings.state)


def _look(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, sound=True, words=check())
    except _PROBLEMS as error:
        return Finding(what, sound=False, words=str(error))


def _baseline(policy: Policy, name: str, file: Path) -> str:
    baseline = load_baseline(file)
    said = f"hash {baseline.hash[:_HASH_SHOWN]}"
    return "; ".join([said, *outdated(policy, {name: baseline}, time.time())])


def _access(settings: ProcessorSettings) -> str:
    tokens = None if settings.token_file is None else TokenFile(settings.token_file)
    certificate = settings.certificate
    mutual = certificate is not None and certificate.clients is not None
    for address in (settings.http, settings.grpc, settings.metrics):
        require_token_off_loopback(address, has_token=tokens is not None or mutual, insecure=settings.insecure)
        require_tls_off_loopback(address, has_tls=settings.certificate is not None, insecure=settings.insecure)
    parts = ["tokens" if tokens else "no tokens", "TLS" if certificate else "plain text"]
    return ", ".join([*parts, "client certificates"] if mutual else parts)


def _free(address: Address) -> str:
    bind(address).close()
    return "free"


def _state(policy: Policy, directory: Path) -> str:
    """Verify a copy as a start would, and continue it with the policy; the processor may run."""
    if not (directory / DATABASE).exists():
        check_mark(directory / DATABASE, directory / MARK, 0)
        return "none yet: the evidence begins with the first event"
    refuse_network_file_system(directory)
    running = _is_locked(directory / LOCK)
    with tempfile.TemporaryDirectory(prefix="otel-clinical-") as place:
        copy = Path(place) / DATABASE
        found = back_up(directory, copy)
        if not running:
            check_mark(directory / DATABASE, directory / MARK, found.requests)
        with closing(sqlite3.connect(copy)) as connection:
            lost = _continue(policy, connection)
    words = f"{found.requests:,} requests, {found.events:,} events, {found.pending:,} requests to be applied"
    if running:
        words += "; a processor runs on it, so a second one would be refused"
    return "\n".join([words, *lost])


def _continue(policy: Policy, connection: sqlite3.Connection) -> list[str]:
    """Load the states of a copy with the baselines of the policy; return what would begin anew."""
    baselines = {name: load_baseline(model.baseline.file) for name, model in policy.models.items()}
    for name, baseline in baselines.items():
        row = connection.execute("SELECT value FROM meta WHERE name = ?", (remembered_baseline(name),)).fetchone()
        if row is not None and row[0] != baseline.hash:
            check_change(policy.models[name].baseline.file, name, row[0], baseline.hash)
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (ARITHMETIC,)).fetchone()
    told = other_arithmetic(None if row is None else row[0])
    lost = Kernel(policy, baselines).load(dict(connection.execute("SELECT key, blob FROM state")))
    return [*lost, *([] if told is None else [told])]


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        DirectoryLock(path).close()
    except StateDirectoryError:
        return True
    except OSError as error:
        raise StateDirectoryError(trouble(path.parent / DATABASE, error)) from error
    return False


def _disk(directory: Path) -> Finding:
    """Write a file where the state is, or will be, and look how much room is left."""
    place = next(folder for folder in (directory, *directory.absolute().parents) if folder.exists())
    what = f"disk of {place}"
    try:
        refuse_network_file_system(place)
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(place).free
    except StateDirectoryError as error:
        return Finding(what, sound=False, words=str(error))
    except OSError as error:
        return Finding(what, sound=False, words=f"takes no writes ({error.strerror}); choose another --state")
    room = f"{free / 1024**3:.1f} GiB free"
    if free < _FREE_BYTES:
        return Finding(what, sound=False, words=f"{room}; make room, or senders will soon be told to come back")
    return Finding(what, sound=True, words=room)
