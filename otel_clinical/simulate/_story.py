"""Remember the views of an act, and when each thing was first seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.simulate._view import Alert, Place, View


@dataclass(frozen=True, slots=True, order=True)
class Heard:
    """A tier alert that began in this act.

    Args:
        after: Seconds since the act began.
        first: Whether it is the first of its tier and category.
    """

    after: float
    tier: str
    category: str
    version: str
    place: Place
    first: bool = False


@dataclass(slots=True)
class Story:
    """What was seen since an act began; the first view is the state before it.

    Args:
        began: Unix time at which the truth was injected.
        views: Oldest first, at least one.
    """

    began: float
    views: list[View]
    _heard: dict[tuple[str, str, str, Place], Heard] = field(default_factory=dict)

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
        known = {(heard.tier, heard.category) for heard in self._heard.values()}
        for alert in sorted(self.fresh(view), key=lambda alert: alert.since):
            key = (alert.tier, alert.category, alert.version, alert.place)
            if alert.tier and key not in self._heard:
                first = (alert.tier, alert.category) not in known
                known.add((alert.tier, alert.category))
                self._heard[key] = Heard(alert.since - self.began, *key, first=first)

    def fresh(self, view: View) -> Iterator[Alert]:
        """Yield the alerts of a view that began in this act: an earlier act's may still be held."""
        yield from (alert for alert in view.alerts if alert.since >= self.began)

    def tiers(self, version: str = "", category: str = "") -> dict[tuple[str, Place], float]:
        """Return when each tier first began to fire in each place, as seconds since the act began.

        Args:
            version: Only alerts about this model version; an empty string takes all.
            category: Only alerts of this category; an empty string takes all.
        """
        found: dict[tuple[str, Place], float] = {}
        for heard in self.heard():
            if (not version or heard.version in {version, ""}) and (not category or heard.category == category):
                found.setdefault((heard.tier, heard.place), heard.after)
        return found

    def heard(self) -> list[Heard]:
        """Return the tier alerts that began in this act, oldest first."""
        return sorted(self._heard.values())
