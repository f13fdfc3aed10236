"""What every target can do: read what serves, and change it by compare-and-swap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from otel_clinical.release import Segment  # noqa: TC001 -- the store's codec resolves it at run time

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer


@dataclass(frozen=True, slots=True)
class Change:
    """One step towards less reach of the AI.

    `version` set: serve that version, for `segment` alone or for everyone (None).
    `route` set: put `segment`, or everyone, at least on that route.
    """

    reason: str
    version: str | None = None
    route: str | None = None
    segment: Segment | None = None

    @property
    def activates(self) -> bool:
        """Tell whether another version comes to serve the whole deployment."""
        return self.version is not None and self.segment is None


@dataclass(frozen=True, slots=True)
class Applied:
    """The change is in place; `pointer` is what serves now."""

    pointer: ReleasePointer


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else changed the target first; nothing was written. `pointer` is what serves now."""

    pointer: ReleasePointer


class Unreachable(OSError):  # noqa: N818 -- names a state of the target, not a fault of ours
    """The target cannot be read or written now; what it holds is unknown until it is read again."""


class Target(Protocol):
    """A place where the serving version of one model is kept."""

    def read(self) -> ReleasePointer:
        """Return what serves now; raise `Unreachable`."""

    def swap(self, expect_epoch: int, change: Change, marker: str) -> Applied | Conflict:
        """Apply `change` if the epoch is `expect_epoch`, leaving `marker` in the target; raise `Unreachable`."""

    def preflight(self) -> str:
        """Say why a change could not be made now, or return an empty string; changes nothing."""

    def renumber(self, expect_epoch: int, above: int) -> Applied | Conflict:
        """Give what serves an activation number higher than `above`, changing nothing else; raise `Unreachable`."""
