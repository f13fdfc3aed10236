"""Keep a release pointer in a file that many processes read and one at a time may change."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ._parse import MAX_POINTER_BYTES, PointerError
from ._pointer import ReleasePointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Signature = tuple[int, int, int]

_LOCK_POLL_SECONDS = 0.005


class EpochConflict(RuntimeError):  # noqa: N818 -- names an outcome of a race, not a fault
    """Somebody else changed the pointer first: read it again and decide anew."""

    def __init__(self, path: Path, expected: int, found: int) -> None:
        super().__init__(
            f"{path}: epoch is {found}, expected {expected}; the pointer changed since it was read: "
            "read it again and decide anew"
        )
        self.expected = expected
        self.found = found


class PointerLocked(TimeoutError):  # noqa: N818 -- names a state, not a fault
    """Another process holds the pointer's lock for longer than a change can take."""


def read_pointer(path: str | os.PathLike[str]) -> ReleasePointer:
    """Read the pointer at `path`.

    Raises:
        FileNotFoundError: there is none.
        PointerError: it is not a valid pointer.
    """
    with Path(path).open("rb") as file:
        content = file.read(MAX_POINTER_BYTES + 1)
    try:
        return ReleasePointer.parse(content.decode())
    except UnicodeDecodeError as error:
        raise PointerError(f"{os.fspath(path)}: not UTF-8 text ({error.reason})") from None
    except PointerError as error:
        raise PointerError(f"{os.fspath(path)}: {error}") from None


def pointer_signature(path: str | os.PathLike[str]) -> Signature | None:
    """Return what differs after every change (one `stat`), or None where there is no readable file."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- on the path of every inference; Path costs more than the call
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def force_manual_path(path: str | os.PathLike[str]) -> Path:
    """Return the file whose mere existence puts every call on the manual route."""
    return Path(os.fspath(path) + ".FORCE_MANUAL")


def create_pointer(path: str | os.PathLike[str], pointer: ReleasePointer) -> None:
    """Write the first pointer of a model; raise `FileExistsError` where there already is one."""
    target = Path(path)
    ReleasePointer.parse(pointer.dumps())
    with _locked(target):
        if target.exists():
            raise FileExistsError(f"{target}: a release pointer exists; change it with swap_pointer")
        _write(target, pointer, after=0)


def swap_pointer(
    path: str | os.PathLike[str],
    expect_epoch: int,
    change: Callable[[ReleasePointer], ReleasePointer],
    *,
    lock_timeout: float = 5.0,
    clock: Callable[[], float] = time.time,
) -> ReleasePointer:
    """Change the pointer if it still has `expect_epoch`, durably and for every reader at once.

    `change` gets the current pointer and returns the wanted one. Epoch, activation, previous version and
    times follow from the difference, so that no caller can get them wrong. Of any number of processes that
    expect the same epoch exactly one succeeds. `lock_timeout` in seconds.

    Raises:
        EpochConflict: the pointer has another epoch.
        PointerError: the pointer in place, or the wanted one, is not valid.
        PointerLocked: another process keeps the lock.
    """
    target = Path(path)
    with _locked(target, lock_timeout):
        current = read_pointer(target)
        if current.epoch != expect_epoch:
            raise EpochConflict(target, expect_epoch, current.epoch)
        wanted = _successor(current, change(current), clock)
        if wanted.model != current.model:
            raise PointerError(f"{target}: model is {wanted.model!r}, expected {current.model!r}")
        ReleasePointer.parse(wanted.dumps())
        _write(target, wanted, after=target.stat().st_mtime_ns)
        return wanted


def _successor(current: ReleasePointer, wanted: ReleasePointer, clock: Callable[[], float]) -> ReleasePointer:
    """Derive what must follow from the difference between two pointers."""
    moved = wanted.version != current.version
    updated_at = wanted.updated_at if wanted.updated_at != current.updated_at else clock()
    activated_at = wanted.activated_at if wanted.activated_at != current.activated_at else updated_at
    return replace(
        wanted,
        epoch=current.epoch + 1,
        activation=current.activation + moved,
        previous_version=current.version if moved else current.previous_version,
        activated_at=activated_at if moved else current.activated_at,
        updated_at=updated_at,
    )


def _write(target: Path, pointer: ReleasePointer, *, after: int) -> None:
    """Replace `target` atomically; its modification time ends later than `after` (ns)."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pointer.dumps().encode())
            file.flush()
            # Coarse or stepped-back clocks must not hide a change from readers that compare times.
            modified = max(time.time_ns(), after + 1)
            os.utime(file.fileno(), ns=(modified, modified))
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105 -- `temporary` is a string from mkstemp
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108 -- the same
        raise
    _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(target: Path, timeout: float = 5.0) -> Iterator[None]:
    """Hold the sidecar lock; it lives beside the pointer because the pointer's inode changes."""
    with Path(os.fspath(target) + ".lock").open("ab") as sidecar:
        deadline = time.monotonic() + timeout
        while not _try_lock(sidecar.fileno()):
            if time.monotonic() >= deadline:
                raise PointerLocked(f"{target}: locked by another process for {timeout:g} s; try again")
            time.sleep(_LOCK_POLL_SECONDS)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
