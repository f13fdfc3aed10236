"""Switch the version in a release pointer file."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING

from otel_clinical.release import (
    EpochConflict,
    PointerError,
    PointerLocked,
    ReleasePointer,
    SegmentRule,
    most_restrictive,
    read_pointer,
    renumber_pointer,
    swap_pointer,
)
from otel_clinical.rollback.targets._base import Applied, Change, Conflict, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ACTOR = "controller"


class FileTarget:
    """A pointer file that `ModelRouter` reads on every inference."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock

    def read(self) -> ReleasePointer:
        """Return the pointer; raise `Unreachable` where there is none that can be trusted."""
        try:
            return read_pointer(self._path)
        except FileNotFoundError:
            raise Unreachable(
                f"there is no release pointer {self._path}; make it with "
                "`otel-clinical rollback activate MODEL VERSION --policy POLICY --by NAME`"
            ) from None
        except (OSError, PointerError) as error:
            raise Unreachable(f"release pointer {self._path}: {error}") from error

    def swap(self, expect_epoch: int, change: Change, marker: str) -> Applied | Conflict:
        """Apply `change` under the pointer's lock if nobody changed the pointer since `expect_epoch`."""
        at = self._clock()

        def write() -> ReleasePointer:
            return swap_pointer(self._path, expect_epoch, lambda found: changed(found, change, marker=marker, at=at))

        return self._written(write)

    def renumber(self, expect_epoch: int, above: int) -> Applied | Conflict:
        """Give what serves an activation number higher than `above` if nobody changed the pointer since."""
        return self._written(lambda: renumber_pointer(self._path, expect_epoch, above))

    def preflight(self) -> str:
        """Say why the pointer could not be switched now, or return an empty string; what serves stays as it is."""
        try:
            self.read()
            with tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=".preflight-"):
                return ""
        except Unreachable as error:
            return str(error)
        except OSError as error:
            return f"beside {self._path} no file can be written ({error.strerror})"

    def _written(self, write: Callable[[], ReleasePointer]) -> Applied | Conflict:
        try:
            return Applied(write())
        except EpochConflict:
            return Conflict(self.read())
        except (OSError, PointerError, PointerLocked) as error:
            raise Unreachable(f"release pointer {self._path}: {error}") from error


def changed(pointer: ReleasePointer, change: Change, *, marker: str, at: float) -> ReleasePointer:
    """Return `pointer` after `change`: a route never loosens, whatever the change asks for."""
    if change.segment is not None:
        rule = SegmentRule(
            segment=change.segment,
            route=change.route or "standard",
            version=change.version,
            reason=change.reason,
            marker=marker,
        )
        return pointer.with_rule(rule, at=at, by=ACTOR)
    if change.version is not None:
        pointer = pointer.activate(change.version, at=at, by=ACTOR, marker=marker)
    route = most_restrictive((pointer.route, change.route or pointer.route))
    return pointer.with_route(route, at=at, by=ACTOR, marker=marker)


def carries(pointer: ReleasePointer, marker: str) -> bool:
    """Tell whether a change with this marker is in place."""
    return pointer.marker == marker or any(rule.marker == marker for rule in pointer.rules)
