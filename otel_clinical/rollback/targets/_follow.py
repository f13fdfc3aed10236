"""What every place that mirrors the release pointer can do, and when it may be changed.

The pointer decides which version serves. A registry alias, a feature flag or a Kubernetes resource follows it; none
of them is ever overwritten where somebody else changed it first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer

_MARKER: Final = re.compile(r"otel-clinical/([0-9]{1,16})/(.{1,128})")


@dataclass(frozen=True, slots=True)
class Active:
    """What a place serves.

    `version` is None where it names none of ours. `token` is what a swap must find unchanged: a resource version, an
    entity tag, an epoch. `marker` is what our last change left there.
    """

    version: str | None
    token: str
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Swapped:
    """The version is in place; `active` is what the place says now."""

    active: Active


@dataclass(frozen=True, slots=True)
class Conflicted:
    """The place was not as expected; nothing was written. `active` is what it says now."""

    active: Active


@dataclass(frozen=True, slots=True)
class Denied:
    """The place refuses, and will go on refusing until somebody changes a permission or a setting."""

    because: str


@dataclass(frozen=True, slots=True)
class Convergence:
    """How many instances serve the version, of how many."""

    ready: int
    total: int

    @property
    def complete(self) -> bool:
        """Tell whether there is an instance and none is left on another version."""
        return 0 < self.total <= self.ready


class VersionTarget(Protocol):
    """A place that keeps which version of one model serves.

    Every method may block for the place's time-out, and raises `Unreachable` where the place does not answer, answers
    nonsense, or holds a change of ours by half; what it holds is unknown until it is read again.
    """

    compares: bool
    """Whether the place itself refuses a swap that expects what is no longer there."""
    rehearses: bool
    """Whether `preflight` has the place go through the change itself, permission and all, and take nothing over."""

    def read(self) -> Active:
        """Return what serves now."""

    def swap(self, expect: Active, version: str, marker: str) -> Swapped | Conflicted | Denied:
        """Let `version` serve if the place still is as `expect` says, and leave `marker` there.

        A repetition after a lost answer conflicts, and what it returns carries the marker.
        """

    def converged(self, version: str) -> Convergence:
        """Return how many instances serve `version`."""

    def preflight(self, version: str) -> tuple[str, ...]:
        """Return what would keep a swap to `version` from working; empty where nothing would. Changes nothing."""


class Step(StrEnum):
    """What to do with a place that must follow the pointer."""

    NOTHING = "nothing"
    SWAP = "swap"
    STAND_BACK = "stand_back"


def marker_of(pointer: ReleasePointer) -> str:
    """Return what a change that follows this pointer leaves behind.

    >>> from otel_clinical.release import ReleasePointer
    >>> marker_of(ReleasePointer("coding", "8", activation=3))
    'otel-clinical/3/8'
    """
    return f"otel-clinical/{pointer.activation}/{pointer.version}"


def next_step(pointer: ReleasePointer, seen: Active) -> Step:
    """Decide what a place needs so that it follows the pointer.

    A place may be moved on from a state that following the pointer left behind: our own marker of an earlier
    activation with the version that it names, or, where it never had a marker of ours, the version that the pointer
    had before. A place that serves the right version already is only marked. Anything else was chosen by somebody
    else, who keeps the last word until a person puts the place back in step.

    >>> from otel_clinical.release import ReleasePointer
    >>> back = ReleasePointer("coding", "7", activation=4, previous_version="8")
    >>> next_step(back, Active("8", "t1", "otel-clinical/3/8")).value
    'swap'
    >>> next_step(back, Active("8", "t1", "otel-clinical/4/7")).value  # somebody promoted 8 once more
    'stand_back'
    >>> next_step(back, Active("7", "t1", "otel-clinical/4/7")).value
    'nothing'
    """
    if seen.version == pointer.version:
        return Step.NOTHING if seen.marker == marker_of(pointer) else Step.SWAP
    if _left_by_us(seen, pointer.activation) or (_never_ours(seen) and seen.version == pointer.previous_version):
        return Step.SWAP
    return Step.STAND_BACK


def _left_by_us(seen: Active, activation: int) -> bool:
    found = _MARKER.fullmatch(seen.marker)
    return found is not None and int(found[1]) < activation and found[2] == seen.version


def _never_ours(seen: Active) -> bool:
    return _MARKER.fullmatch(seen.marker) is None
