"""What can happen to the controller's picture of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_clinical.rollback.orders import Order

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.alerts import Alert
    from otel_clinical.rollback.state import Sample


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """An alert arrived, or (`pulled`) was found firing in Prometheus; `pointer` is what serves now."""

    alert: Alert
    pointer: ReleasePointer
    pulled: bool = False


@dataclass(frozen=True, slots=True)
class Sampled:
    """One look at Prometheus for an undecided incident."""

    incident: str
    sample: Sample
    pointer: ReleasePointer


@dataclass(frozen=True, slots=True)
class ChangeBegun:
    """The time of an announced change has come: from here on nobody can stop it by a veto."""

    intent: str


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """The target carries the intent's marker; `pointer` is what serves now."""

    intent: str
    pointer: ReleasePointer


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """Somebody else changed the target first.

    `certain`: this process asked and was refused, so the change was never made. Otherwise an earlier process
    may have made it, and somebody may have undone it since.
    """

    intent: str
    pointer: ReleasePointer
    certain: bool


@dataclass(frozen=True, slots=True)
class TargetUnreachable:
    """The target could not be read or written; what it holds is unknown."""

    incident: str
    problem: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the restored version does, as Prometheus shows it. `serving` is (instance, active version)."""

    taken_at: float
    reachable: bool = True
    serving: tuple[tuple[str, str], ...] = ()
    performance: float | None = None
    samples: float | None = None
    activation: float | None = None
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class RecoverySeen:
    """One look at how the restored version does."""

    incident: str
    recovery: Recovery
    pointer: ReleasePointer


@dataclass(frozen=True, slots=True)
class PointerSeen:
    """The target was read and differs from what was read before."""

    pointer: ReleasePointer


@dataclass(frozen=True, slots=True)
class ClosedByPerson:
    """A person closes an incident that the controller leaves open, and says why."""

    incident: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class HeartbeatLooked:
    """When the watchdog was last `heard`, None where it never was; `pointer` is what serves, None if unreadable."""

    heard: float | None
    pointer: ReleasePointer | None


@dataclass(frozen=True, slots=True)
class ReleaseSeen:
    """What serves, and how many outcomes were counted since it was activated; None where that is not known."""

    pointer: ReleasePointer
    labels: float | None


@dataclass(frozen=True, slots=True)
class ReadinessSeen:
    """The conditions for acting that are not met, in words. `acted`: it acted before anybody asked for them.

    `policy` is the hash of the policy it is run by.
    """

    unmet: tuple[str, ...]
    acted: bool = False
    policy: str = ""


Event = (
    AlertSeen
    | Sampled
    | ChangeBegun
    | ChangeMade
    | ChangeRefused
    | TargetUnreachable
    | RecoverySeen
    | PointerSeen
    | ClosedByPerson
    | Order
    | HeartbeatLooked
    | ReleaseSeen
    | ReadinessSeen
)
