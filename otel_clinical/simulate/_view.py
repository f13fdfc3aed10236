"""Hold what one look at the monitoring shows: values only, as Prometheus, controller and pointer gave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.semconv.enums import EscalationLevel, RoutingLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.release import ReleasePointer

Place = tuple[str, str]
"""Segment name and value, such as ``("payer", "medicaid")``."""

EVERYWHERE: Final[Place] = ("all", "all")

TIERS: Final = ("engineering", "governance", "rollback")
"""Values of the alert label ``tier``, from mild to severe."""

TIER_OF_LEVEL: Final = {
    EscalationLevel.ENGINEERING_REVIEW.value: "engineering",
    EscalationLevel.GOVERNANCE_REVIEW.value: "governance",
    EscalationLevel.ROLLBACK.value: "rollback",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """A firing alert: its name, its labels, and since when (unix seconds)."""

    name: str
    labels: Mapping[str, str]
    since: float
    place: Place = EVERYWHERE
    version: str = ""

    @property
    def tier(self) -> str:
        """Return ``engineering``, ``governance``, ``rollback``, or an empty string."""
        return self.labels.get("tier", "")

    @property
    def category(self) -> str:
        """Return what kind of trouble the alert is about."""
        return self.labels.get("category", "")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the drift processor says about one version in one place; None where it says nothing.

    Args:
        drop: Ratio lost since the estimated change point, standardised to the baseline's mix.
        samples: Labels since the estimated change point.
        performance: Plain ratio over the display window.
        window: Labels in the display window.
        baseline: Frozen ratio at validation.
        evidence: Per tier; 1 or more is proved.
    """

    drop: float | None = None
    samples: float | None = None
    performance: float | None = None
    window: float | None = None
    baseline: float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def proved(self) -> tuple[str, ...]:
        """Return the tiers whose evidence is 1 or more."""
        return tuple(tier for tier in TIERS if self.evidence.get(tier, 0.0) >= 1.0)


@dataclass(frozen=True, slots=True)
class View:
    """Everything one look shows; ``standing`` is keyed by version and place, rates are per second."""

    at: float
    pointer: ReleasePointer
    alerts: tuple[Alert, ...] = ()
    notified: frozenset[str] = frozenset()
    standing: Mapping[tuple[str, Place], Standing] = field(default_factory=dict)
    routes: Mapping[tuple[Place, str], float] = field(default_factory=dict)
    serving: Mapping[str, float] = field(default_factory=dict)
    low_share: Mapping[str, float] = field(default_factory=dict)
    incidents: tuple[Mapping[str, Any], ...] = ()
    heartbeat_at: float | None = None

    def here(self, place: Place = EVERYWHERE) -> Standing:
        """Return the standing of the version that the pointer names."""
        return self.standing.get((self.pointer.version, place), Standing())

    def share(self, place: Place) -> float:
        """Return the share of all inferences that fall in ``place``."""
        total = sum(self.serving.values())
        here = sum(rate for (where, _), rate in self.routes.items() if where == place)
        return here / total if total else 0.0

    def held(self, place: Place) -> float:
        """Return the share of the inferences in ``place`` that do not take the standard route."""
        here = sum(rate for (where, _), rate in self.routes.items() if where == place)
        return 1 - self.routes.get((place, RoutingLevel.STANDARD), 0.0) / here if here else 0.0
