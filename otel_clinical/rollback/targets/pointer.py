"""Follow the release pointer with another release pointer, such as one on a disk that other hosts read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from otel_clinical.release import EpochConflict, PointerError, PointerLocked, read_pointer, swap_pointer
from otel_clinical.rollback.targets._base import Unreachable
from otel_clinical.rollback.targets._follow import Active, Conflicted, Convergence, Denied, Swapped
from otel_clinical.rollback.targets.file import ACTOR, FileTarget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otel_clinical.release import ReleasePointer


class PointerFollower:
    """A second pointer file. Its rules and route are its own; only the version follows.

    Args:
        path: The pointer; it must exist.
        clock: Unix seconds.
    """

    compares = True
    rehearses = False

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock

    def read(self) -> Active:
        """Return the version, with the epoch as token."""
        try:
            return _active(read_pointer(self._path))
        except FileNotFoundError:
            raise Unreachable(f"there is no release pointer {self._path}; copy the one that it follows") from None
        except (OSError, PointerError) as error:
            raise Unreachable(f"release pointer {self._path} cannot be read: {error}") from error

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Activate `version` if the epoch is the expected one."""
        at = self._clock()
        try:
            written = swap_pointer(
                self._path, int(expect.token), lambda found: found.activate(version, at=at, by=ACTOR, marker=marker)
            )
        except EpochConflict:
            return Conflicted(self.read())
        except PermissionError as error:
            return Denied(f"release pointer {self._path} may not be written ({error.strerror})")
        except (OSError, PointerError, PointerLocked) as error:
            raise Unreachable(f"release pointer {self._path} cannot be written: {error}") from error
        return Swapped(_active(written))

    def converged(self, version: str) -> Convergence:
        """Tell whether the file names the version; who reads it is not known here."""
        return Convergence(int(self.read().version == version), 1)

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return why the file could not be changed, if anything is in the way."""
        del version
        wrong = FileTarget(self._path).preflight()
        return (wrong,) if wrong else ()


def _active(pointer: ReleasePointer) -> Active:
    return Active(pointer.version, str(pointer.epoch), pointer.marker)
