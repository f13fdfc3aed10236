"""One writer per state directory, on a file system where a lock means something."""

import fcntl
import os
from pathlib import Path

_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "afs", "lustre"}
)


class StateDirectoryError(RuntimeError):
    """The state directory cannot be used; the message says why and what to do."""


class DirectoryLock:
    """Hold an exclusive ``flock`` on a sidecar file until closed or until the process ends.

    Args:
        path: The sidecar, beside the database and never the database itself (SQLite closes and reopens that).

    Raises:
        StateDirectoryError: Another process holds the lock.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StateDirectoryError(
                f"{path.parent}: another processor (pid {holder}) writes to this state directory; "
                "stop it, or give this one its own --state"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode("ascii"), 0)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)


def refuse_network_file_system(directory: Path, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Refuse a state directory on a network file system, where neither locks nor fsync can be trusted.

    Args:
        directory: An existing directory.
        mounts: The kernel's mount table; where there is none (not Linux) nothing is checked.

    Raises:
        StateDirectoryError: The directory lies on one of the known network file systems.
    """
    if not mounts.exists():
        return
    kind = _file_system_of(directory.resolve(), mounts.read_text(encoding="utf-8", errors="replace"))
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StateDirectoryError(
            f"{directory}: lies on a network file system ({kind}), where a lock and an fsync promise nothing; "
            "use a local disk or a block volume"
        )


def _file_system_of(path: Path, mountinfo: str) -> str:
    """Return the type of the mount that holds `path`: the longest mount point above it, last mounted wins."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        if not right:
            continue
        point = left.split(" ")[4].replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), right.split(" ")[0]
    return kind
