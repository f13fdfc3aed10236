"""Write down every change of state in the audit, and build the state again from an export of it alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from otel_clinical.rollback.ledger import Release
    from otel_clinical.rollback.state import Incident, Intent, ModelState

View = dict[str, Any]
Picture = dict[tuple[str, str], View]
"""What is known by (kind, name), kinds being incident, intent, quarantine, standing and release."""

_INCIDENT: Final = (
    "state",
    "version",
    "alert",
    "opened_at",
    "firing",
    "decision",
    "cause",
    "acted_at",
    "closed_at",
    "acknowledged_at",
    "acknowledged_by",
    "approved_by",
    "vetoed_by",
)
_RELEASE: Final = (
    "status",
    "digest",
    "schema_hash",
    "baseline_hash",
    "registered_at",
    "registered_by",
    "activated_at",
    "deactivated_at",
    "good_since",
    "good_by",
    "smoke_problem",
)


def picture(state: ModelState) -> Picture:
    """Return everything about a model that must follow from the audit: decisions, not when to look next."""
    found: Picture = {}
    for incident in state.incidents.values():
        found["incident", incident.id] = _incident(incident)
    for intent in state.intents.values():
        found["intent", intent.id] = _intent(intent)
    for version in state.quarantined:
        found["quarantine", version] = {"version": version}
    for version, segment in state.quarantined_in:
        found["quarantine", f"{version} in {segment.name}={segment.value}"] = {"version": version, **asdict(segment)}
    for key, order in state.standing.items():
        found["standing", key] = _plain(asdict(order))
    for version, release in state.releases.items():
        found["release", version] = _release(release)
    return found


def changes(model: str, before: ModelState, after: ModelState) -> list[View]:
    """Return what differs between two states of a model, as old and new values; None for what is not there."""
    if before is after:
        return []
    old, new = picture(before), picture(after)
    return [
        {"model": model, "kind": kind, "name": name, "old": old.get((kind, name)), "new": new.get((kind, name))}
        for kind, name in sorted({*old, *new})
        if old.get((kind, name)) != new.get((kind, name))
    ]


def replay(lines: Iterable[str]) -> dict[str, Picture]:
    """Return the state of every model that an export of the audit leads to.

    Raises:
        ValueError: a change does not start from what the events before it led to; the message names the event.
    """
    models: dict[str, Picture] = {}
    for event in map(json.loads, lines):
        for change in _changes(event):
            known = models.setdefault(change["model"], {})
            key = change["kind"], change["name"]
            if known.get(key) != change["old"]:
                raise ValueError(
                    f"event {event['seq']}: {change['kind']} {change['name']} changes from what it never was"
                )
            if change["new"] is None:
                del known[key]
            else:
                known[key] = change["new"]
    return models


def _changes(event: Mapping[str, Any]) -> Iterator[View]:
    yield from event["data"].get("changes", ())


def _incident(incident: Incident) -> View:
    key = incident.key
    known = {name: getattr(incident, name) for name in _INCIDENT}
    return _plain({**known, "cause_of_alert": key.cause, "segment": asdict(key.segment), "activation": key.activation})


def _intent(intent: Intent) -> View:
    return _plain(asdict(intent))


def _release(release: Release) -> View:
    return _plain({name: getattr(release, name) for name in _RELEASE})


def _plain(view: View) -> View:
    """Return the view as JSON gives it back."""
    plain: View = json.loads(json.dumps(view))
    return plain
