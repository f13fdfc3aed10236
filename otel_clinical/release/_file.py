"""Keep a release pointer in a file that many processes read and one at a time may change."""

from __future__ import annotations

import os
import re
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ._lock import wait_for_lock
from ._parse import MAX_POINTER_BYTES, PointerError
from ._pointer import ReleasePointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Signature = tuple[int, int, int]

_MARK = re.compile(rb" *([0-9]{1,16}) +([0-9]{1,16})\n")
_MARK_BYTES = 64


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


def create_pointer(path: str | os.PathLike[str], pointer: ReleasePointer) -> ReleasePointer:
    """Write the first pointer of a model and return it; raise `FileExistsError` where there already is one.

    Where a pointer was deleted before, epoch and activation go on above its own: evidence and incidents of the
    earlier life are told from those of the new one by these numbers.
    """
    target = Path(path)
    ReleasePointer.parse(pointer.dumps())
    with _locked(target) as mark:
        if target.exists():
            raise FileExistsError(f"{target}: a release pointer exists; change it with swap_pointer")
        epoch, activation = mark.read()
        first = replace(
            pointer, epoch=max(pointer.epoch, epoch + 1), activation=max(pointer.activation, activation + 1)
        )
        _write(target, first, mark, after=0)
        return first


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
    return _swap(Path(path), expect_epoch, lambda current: _successor(current, change(current), clock), lock_timeout)


def renumber_pointer(
    path: str | os.PathLike[str], expect_epoch: int, above: int, *, lock_timeout: float = 5.0
) -> ReleasePointer:
    """Give what serves an activation number higher than `above`; version, routes, rules and times stay.

    For a pointer that was made anew, or put back from a backup, and counts activations a second time.

    Raises:
        EpochConflict, PointerError, PointerLocked: as `swap_pointer`.
    """

    def renumbered(current: ReleasePointer) -> ReleasePointer:
        return replace(current, epoch=current.epoch + 1, activation=max(current.activation, above) + 1)

    return _swap(Path(path), expect_epoch, renumbered, lock_timeout)


def _swap(
    target: Path, expect_epoch: int, change: Callable[[ReleasePointer], ReleasePointer], timeout: float
) -> ReleasePointer:
    with _locked(target, timeout) as mark:
        current = read_pointer(target)
        if current.epoch != expect_epoch:
            raise EpochConflict(target, expect_epoch, current.epoch)
        wanted = _numbered(current, change(current), mark)
        if wanted.model != current.model:
            raise PointerError(f"{target}: model is {wanted.model!r}, expected {current.model!r}")
        ReleasePointer.parse(wanted.dumps())
        _write(target, wanted, mark, after=target.stat().st_mtime_ns)
        return wanted


def _numbered(current: ReleasePointer, wanted: ReleasePointer, mark: _Mark) -> ReleasePointer:
    """Let epoch and a new activation go on above all that were ever used, also by a pointer put back from a backup."""
    epoch, activation = mark.read()
    moved = wanted.activation != current.activation
    return replace(
        wanted,
        epoch=max(wanted.epoch, epoch + 1),
        activation=max(wanted.activation, activation + 1) if moved else wanted.activation,
    )


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


def _write(target: Path, pointer: ReleasePointer, mark: _Mark, *, after: int) -> None:
    """Replace `target` atomically; its modification time ends later than `after` (ns)."""
    # First: a mark above the pointer only skips a number, one below it would let a number be used twice.
    mark.write(pointer)
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


class _Mark:
    """The highest epoch and activation ever written, in the lock file: it outlives a pointer that is deleted."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> tuple[int, int]:
        """Return (epoch, activation), zeros where nothing usable is noted."""
        found = _MARK.fullmatch(os.pread(self._descriptor, _MARK_BYTES, 0))
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def write(self, pointer: ReleasePointer) -> None:
        epoch, activation = self.read()
        noted = f"{max(epoch, pointer.epoch):>20} {max(activation, pointer.activation):>20}\n"
        os.pwrite(self._descriptor, noted.encode(), 0)
        os.fsync(self._descriptor)


@contextmanager
def _locked(target: Path, timeout: float = 5.0) -> Iterator[_Mark]:
    """Hold the sidecar lock; it lives beside the pointer because the pointer's inode changes."""
    descriptor = os.open(os.fspath(target) + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "r+b", buffering=0) as sidecar:
        if not wait_for_lock(sidecar.fileno(), timeout):
            raise PointerLocked(f"{target}: locked by another process for {timeout:g} s; try again")
        yield _Mark(sidecar.fileno())
