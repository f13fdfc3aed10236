"""Say who did what about an incident, and what is still to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.report.words import ACTIONS, GUARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from otel_clinical.report.exposure import Exposure

ACKNOWLEDGED: Final = frozenset({"person.acknowledge", "order.acknowledge"})
_BY_PEOPLE: Final = ("person.", "order.")
_CLOSED: Final = "incident.closed"


@dataclass(frozen=True, slots=True)
class Person:
    """One act of one person: when (text), who, what, why."""

    at: str
    who: str
    what: str
    why: str


def people_of(events: Sequence[Mapping[str, Any]], moment: Callable[[object], str]) -> Iterator[Person]:
    """Yield what people did, in order; `moment` turns Unix seconds into text."""
    for event in events:
        action, data = event["action"], event["data"]
        if not action.startswith(_BY_PEOPLE) and action != _CLOSED:
            continue
        by = data.get("by") or event["actor"]
        who = by if isinstance(by, str) else " and ".join(str(name) for name in by)
        why = ": ".join(str(data[name]) for name in ("reason", "note", "problem") if data.get(name))
        yield Person(moment(event["time"]), who, ACTIONS.get(action, action), why)


def acknowledged_at(events: Sequence[Mapping[str, Any]]) -> float | None:
    """Return when somebody first acknowledged the incident, in Unix seconds, or None."""
    return next((event["time"] for event in events if event["action"] in ACKNOWLEDGED), None)


def open_actions(
    incident: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    steps: Sequence[str],
    exposure: Exposure | None,
) -> Iterator[str]:
    """Yield what is still to be done, the most urgent first."""
    if acknowledged_at(events) is None:
        yield "Acknowledge the incident: nobody has said that they take care of it."
    yield from steps
    if exposure is not None and exposure.count is None:
        yield "Find out how many inferences were served between change point and change; the report does not know."
    elif exposure is not None and round(exposure.count or 0):
        yield f"Decide which of the inferences served meanwhile ({exposure.number}) are looked at again."
    unsure = [str(report["guard"]) for report in incident.get("guards") or () if report["result"] == "unknown"]
    if unsure:
        asked = " ".join(GUARDS.get(guard, guard) for guard in dict.fromkeys(unsure))
        yield f"Find out what the guards could not know: {asked}"
