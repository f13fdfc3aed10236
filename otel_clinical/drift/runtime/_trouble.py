"""What to do about a state that cannot be used: a damaged one, one of another program, or one that is only not ours."""

import errno
import os
import pwd
import sqlite3
from pathlib import Path

from otel_clinical.drift.runtime._schema import SchemaError
from otel_clinical.drift.runtime._seal import SealError

_LOST = (
    "restore a backup with `otel-clinical processor restore`, or move the state directory aside and start again: "
    "the evidence then begins anew"
)
_DISK = "the state itself may be sound: look at the disk with `df -h`, `df -i` and `dmesg`"
_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", ""})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
_NOT_WRITABLE = frozenset({"SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"})

Trouble = sqlite3.Error | SchemaError | SealError | OSError


def trouble(path: Path, error: Trouble) -> str:
    """Return one sentence: what cannot be used, why, and what to do.

    Only a state that is damaged is to be given up; whoever may not read or write it is told who may.

    Args:
        path: The database.
        error: What using it raised.
    """
    if isinstance(error, OSError):
        why, remedy = error.strerror or type(error).__name__, _DISK
        if error.errno in _FORBIDDEN:
            remedy = _whose(path)
    else:
        why, remedy = str(error), _remedy(path, error)
    return f"{path}: cannot be used ({why}); {remedy}"


def _remedy(path: Path, error: sqlite3.Error | SchemaError | SealError) -> str:
    if isinstance(error, SchemaError):
        return error.remedy
    if isinstance(error, SealError):
        return _LOST
    name = getattr(error, "sqlite_errorname", "")
    primary = "_".join(name.split("_")[:2])
    if primary in _DAMAGED:
        return _LOST
    if primary in _NOT_WRITABLE:
        return f"{path} is not a file" if path.is_dir() else _whose(path)
    return _DISK


def _whose(path: Path) -> str:
    """Say who may use a file, and whom this process runs as."""
    place = next((found for found in (path, *path.absolute().parents) if _exists(found)), path.parent)
    owner, me = place.stat().st_uid, os.geteuid()
    if me in {owner, 0}:
        return f"look at the permissions of {path.parent}, and whether its file system is mounted read-only"
    whose, ours = _user(owner), _user(me)
    return (
        f"it belongs to user {whose} and this is user {ours}: run it as {whose}, or stop the processor and "
        f"`chown -R {ours} {path.parent}`"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # of a directory that may not be looked into
        return False


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
