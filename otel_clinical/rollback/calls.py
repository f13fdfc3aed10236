"""Say whom to call about an incident, and when: by its tier, in working hours where that may wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_clinical.rollback.terms import Terms

LINES: Final = ("first_line", "second_line", "safety_officer")
"""Who is called, one after the other: values of the label `escalation`. It only ever rises."""
_TIERS: Final = {"engineering_review": 1, "governance_review": 2}
_ANEW: Final = frozenset({"incident.escalated", "incident.reopened", "review.raised"})
"""Events that make of an incident something more urgent, which nobody has acknowledged yet."""
_ACKNOWLEDGED: Final = frozenset({"person.acknowledge", "order.acknowledge"})
SETTLED: Final = frozenset({"stale", "rolled_back", "healthy"})
"""States in which nobody has to do anything."""
_LONGEST_SEARCH: Final = 400
"""Days after which working hours that never come are given up."""


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When somebody is at work: days of the week (0 is Monday) and local times, `end` the same day after `begin`."""

    days: frozenset[int]
    begin: time
    end: time
    zone: str

    def spans(self, after: float) -> Iterator[tuple[float, float]]:
        """Yield the working hours of each day from `after` on, in Unix seconds; correct where the clocks change."""
        zone = ZoneInfo(self.zone)
        day = datetime.fromtimestamp(after, zone).date()
        for _ in range(_LONGEST_SEARCH):
            if day.weekday() in self.days:
                begin, end = (datetime.combine(day, at, zone).timestamp() for at in (self.begin, self.end))
                if end > after:
                    yield max(begin, after), end
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calls:
    """Seconds until the second line and the safety officer are called; only `hours` count, where there are any."""

    second_line: float
    safety_officer: float
    hours: WorkingHours | None = None


DEFAULTS: Final[Mapping[int, Calls]] = {
    1: Calls(4 * 3_600.0, 24 * 3_600.0),
    2: Calls(3_600.0, 4 * 3_600.0),
    3: Calls(900.0, 1_800.0),
}
"""By tier, for models that the policy no longer names."""


def calls_of(terms: Terms | None) -> Mapping[int, Calls]:
    """Return the calls by tier of a model; the default ones for one that the policy no longer names."""
    return DEFAULTS if terms is None else terms.calls


def tier_of(incident: Mapping[str, Any]) -> int:
    """Return how urgent an incident is: 3 unless its state says that it is a review."""
    return _TIERS.get(incident["state"], 3)


def since(incident: Mapping[str, Any]) -> float:
    """Return from when on people are called: since it was opened, or became more urgent."""
    anew = [event["time"] for event in incident.get("events") or () if event["action"] in _ANEW]
    return float(max([incident["opened_at"], *anew]))


def acknowledged(incident: Mapping[str, Any]) -> bool:
    """Tell whether somebody takes care of it as it is now: who acknowledged a review did not mean a rollback."""
    events = incident.get("events") or ()
    return any(event["action"] in _ACKNOWLEDGED and event["time"] >= since(incident) for event in events)


def call_times(calls: Calls, begun: float) -> tuple[float, ...]:
    """Return when each of `LINES` is called, in Unix seconds."""
    return tuple(_after(calls.hours, begun, wait) for wait in (0.0, calls.second_line, calls.safety_officer))


def level(incident: Mapping[str, Any], by_tier: Mapping[int, Calls], now: float) -> int:
    """Return how far down `LINES` the calls have come, -1 where nobody is called yet."""
    return sum(at <= now for at in call_times(by_tier[tier_of(incident)], since(incident))) - 1


def _after(hours: WorkingHours | None, begun: float, wait: float) -> float:
    """Return the moment at which `wait` seconds have passed, counting only working hours."""
    if hours is None:
        return begun + wait
    for begin, end in hours.spans(begun):
        if wait < end - begin:
            return begin + wait
        wait -= end - begin
    return datetime.max.replace(tzinfo=UTC).timestamp()
