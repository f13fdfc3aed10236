"""Remember the views of an act, and when each thing was first seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.simulate._view import Alert, Place, View


@dataclass(slots=True)
class Story:
    """What was seen since an act began; the first view is the state before it.

    Args:
        began: Unix time at which the truth was injected.
        views: Oldest first, at least one.
    """

    began: float
    views: list[View]
    _firing: dict[tuple[str, str, str, Place], float] = field(default_factory=dict)

    @property
    def first(self) -> View:
        """Return the state before the act."""
        return self.views[0]

    @property
    def last(self) -> View:
        """Return the newest view."""
        return self.views[-1]

    @property
    def seconds(self) -> float:
        """Return how long the act has been on."""
        return self.last.at - self.began

    def add(self, view: View) -> None:
        """Append a view, and note which tier alerts are firing for the first time in this act."""
        self.views.append(view)
        for alert in self.fresh(view):
            if alert.tier:
                self._firing.setdefault((alert.tier, alert.category, alert.version, alert.place), alert.since)

    def fresh(self, view: View) -> Iterator[Alert]:
        """Yield the alerts of a view that began in this act: an earlier act's may still be held."""
        yield from (alert for alert in view.alerts if alert.since >= self.began)

    def tiers(self, version: str = "", category: str = "") -> dict[tuple[str, Place], float]:
        """Return when each tier first began to fire in each place, as seconds since the act began.

        Args:
            version: Only alerts about this model version; an empty string takes all.
            category: Only alerts of this category; an empty string takes all.
        """
        first: dict[tuple[str, Place], float] = {}
        for (tier, kind, of, place), since in sorted(self._firing.items(), key=lambda item: item[1]):
            if (not version or of in {version, ""}) and (not category or kind == category):
                first.setdefault((tier, place), since - self.began)
        return first
