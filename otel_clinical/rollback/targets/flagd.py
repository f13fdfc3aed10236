"""Switch a version in a flag file of flagd, as OpenFeature providers read it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._follow import Active, Conflicted, Convergence, Denied, Swapped
from otel_clinical.rollback.targets._lock import take_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKER: Final = "otel_clinical_marker"
_LONGEST: Final = 1 << 22
_NOTICED_NS: Final = 1_000_000
"""Providers reload a file whose modification time grew, and compare it as a float of seconds."""


class FlagdFile:
    """One flag of a flagd JSON file, whose variants are the versions and whose default variant serves.

    Everything else in the file stays as it is. A lock beside the file keeps two of ours apart; an editor that ignores
    it is found by the content of the flag, which is the token.

    Args:
        path: The flag file (JSON; YAML is not written).
        flag: Key of the flag.
        lock_timeout: Seconds to wait for another writer of ours.
    """

    compares = True
    rehearses = False

    def __init__(self, path: Path, flag: str, *, lock_timeout: float = 5.0) -> None:
        self._path, self._flag = path, flag
        self._lock_timeout = lock_timeout

    def read(self) -> Active:
        """Return the default variant, with a hash of the whole flag as token."""
        return _active(self._flag_of(self._load()))

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Set the default variant if nothing about the flag changed."""
        try:
            with self._locked():
                content = self._load()
                flag = self._flag_of(content)
                if _active(flag).token != expect.token:
                    return Conflicted(_active(flag))
                if version not in flag.get("variants", {}):
                    return Denied(f"{self._path}: flag {self._flag} has no variant {version}; add it")
                flag["defaultVariant"] = version
                flag["metadata"] = {**flag.get("metadata", {}), _MARKER: marker}
                self._write(content)
        except PermissionError as error:
            return Denied(f"{self._path} may not be written ({error.strerror})")
        except OSError as error:
            raise Unreachable(f"{self._path} cannot be written: {error}") from error
        return Swapped(_active(flag))

    def converged(self, version: str) -> Convergence:
        """Tell whether the file names the version; providers poll it, and do not say what they read."""
        return Convergence(int(self.read().version == version), 1)

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return what in the flag would keep its default variant from deciding."""
        try:
            flag = self._flag_of(self._load())
        except Unreachable as error:
            return (str(error),)
        of = f"{self._path}: flag {self._flag}"
        problems = []
        if version not in flag.get("variants", {}):
            problems.append(f"{of} has no variant {version}; add it")
        if flag.get("targeting"):
            problems.append(f"{of} has targeting, which decides before the default variant; remove it")
        if flag.get("state") != "ENABLED":
            problems.append(f"{of} is not ENABLED: providers answer with the code's default; set its state")
        if not os.access(self._path.parent, os.W_OK):
            problems.append(f"{self._path.parent} is not writable: the file cannot be replaced; let this user write")
        return tuple(problems)

    def _load(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as file:
                text = file.read(_LONGEST + 1)
            content = json.loads(text)
        except FileNotFoundError:
            raise Unreachable(f"there is no flag file {self._path}; compare the place's path with flagd's") from None
        except OSError as error:
            raise Unreachable(f"{self._path} cannot be read ({error.strerror})") from error
        except (ValueError, RecursionError) as error:
            raise Unreachable(
                f"{self._path} is not JSON of at most {_LONGEST} bytes ({type(error).__name__})"
            ) from None
        if not isinstance(content, dict):
            raise Unreachable(f"{self._path} holds no JSON object, expected flagd's flags")
        return content

    def _flag_of(self, content: dict[str, Any]) -> dict[str, Any]:
        flags = content.get("flags")
        flag = flags.get(self._flag) if isinstance(flags, dict) else None
        if not isinstance(flag, dict) or not isinstance(flag.get("variants"), dict):
            raise Unreachable(f"{self._path} has no flag {self._flag} with variants")
        return flag

    def _write(self, content: dict[str, Any]) -> None:
        status = self._path.stat()
        descriptor, temporary = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False, indent=2)
                file.write("\n")
                file.flush()
                # A clock that was stepped back must not hide the change from a provider.
                modified = max(time.time_ns(), status.st_mtime_ns + _NOTICED_NS)
                os.utime(file.fileno(), ns=(modified, modified))
                os.fchmod(file.fileno(), status.st_mode & 0o777)
                os.fsync(file.fileno())
            Path(temporary).replace(self._path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with Path(f"{self._path}.lock").open("a") as held:
            take_lock(held.fileno(), self._lock_timeout, of=self._path)
            yield


def _active(flag: dict[str, Any]) -> Active:
    version = flag.get("defaultVariant")
    metadata = flag.get("metadata")
    marker = metadata.get(_MARKER, "") if isinstance(metadata, dict) else ""
    token = hashlib.sha256(json.dumps(flag, sort_keys=True).encode()).hexdigest()
    return Active(version if isinstance(version, str) else None, token, marker if isinstance(marker, str) else "")
