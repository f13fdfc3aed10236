"""Say on one screen which tier every model and segment is in, what serves, and whether the controller can act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.release import ROUTES, Segment, force_manual_path
from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.ledger import way_back
from otel_clinical.rollback.orders import NOT_READY, POLICY_LOOSER
from otel_clinical.rollback.state import UNDECIDED, WATCHING, WORKING, Incident, ModelState
from otel_clinical.rollback.telemetry import in_force
from otel_clinical.semconv.enums import RollbackMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.orders import Standing
    from otel_clinical.rollback.page._moments import Moments
    from otel_clinical.rollback.page._tiers import Picture
    from otel_clinical.rollback.telemetry import Snapshot
    from otel_clinical.rollback.terms import Terms

OPEN: Final = UNDECIDED | WORKING | WATCHING
_TIERS: Final = ("No tier reached", "Tier 1: engineering review", "Tier 2: governance review", "Tier 3: rollback")
_UNKNOWN: Final = "Unknown"
_UNWATCHED: Final = "Not watched yet"
_MODES: Final = {
    "observe": "observe: it notes what it would do and changes nothing",
    "recommend": "recommend: it tells people what to change and changes nothing",
    "enforce": "enforce: what is proved and confirmed is changed",
}
_ROUTES: Final = {"standard": "standard", "assisted": "assisted: a person checks first", "manual": "manual: no AI"}


@dataclass(frozen=True, slots=True)
class Row:
    """One segment: its tier in words and as a number (-1 where nobody knows), its state, its incident."""

    where: str
    tier: str
    level: int
    serves: str
    state: str = ""
    incident: str = ""
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One model: what serves and every segment that is not as it should be; `quiet` and `unwatched` name the others.

    `worst` is the row of the highest tier, of `whole` (all segments together) or of `rows`.
    """

    model: str
    worst: Row
    serves: str
    since: str
    changed: str
    route: str
    held_back: bool
    mode: str
    forced: bool
    services: str
    disagree: bool
    quarantined: tuple[str, ...]
    back: str
    whole: Row
    rows: tuple[Row, ...]
    quiet: tuple[str, ...]
    unwatched: tuple[str, ...]
    past: str = ""

    @property
    def amiss(self) -> bool:
        """Tell whether somebody must look although no incident may be open."""
        return self.forced or self.disagree


def cards(seen: Snapshot, terms: Mapping[str, Terms], picture: Picture, moments: Moments) -> tuple[Card, ...]:
    """Return every model of the policy, those in the highest tier first."""
    found = [_card(term, seen, picture, moments) for term in terms.values()]
    return tuple(sorted(found, key=lambda card: -card.worst.level))


def where_text(segment: Segment) -> str:
    """Name a segment for people."""
    return "all segments together" if segment == AGGREGATE else f"{segment.name} = {segment.value}"


def _card(terms: Terms, seen: Snapshot, picture: Picture, moments: Moments) -> Card:
    pointer = seen.pointers.get(terms.model)
    state = seen.states.get(terms.model, ModelState())
    declared = [Segment(name, value) for name, values in terms.segments.items() for value in values]
    firing = [segment for model, segment in picture.tiers if model == terms.model]
    incidents = _incidents(state, pointer)
    loud = {*firing, *incidents, *(rule.segment for rule in pointer.rules)} if pointer else {*firing, *incidents}
    rows = [_row(terms, pointer, segment, picture, incidents) for segment in {*loud} - {AGGREGATE}]
    rest = [segment for segment in declared if segment not in loud]
    watched = [s for s in rest if (terms.model, s) in picture.watched]
    versions = picture.versions.get(terms.model, {})
    whole = _row(terms, pointer, AGGREGATE, picture, incidents)
    return Card(
        model=terms.model,
        worst=max([whole, *rows], key=lambda row: row.level),
        serves=pointer.version if pointer else "",
        since=f"since {moments.full(pointer.activated_at)}" if pointer else "",
        changed=f"{moments.full(pointer.updated_at)} by {pointer.updated_by}" if pointer else "",
        route=_ROUTES.get(pointer.route, pointer.route) if pointer else "",
        held_back=pointer is not None and pointer.route != ROUTES[0],
        mode=_may(terms, state, seen.now, moments),
        forced=_forced(terms),
        services=_services(versions, picture),
        disagree=bool(versions) and pointer is not None and set(versions) != {pointer.version},
        quarantined=tuple(sorted(state.quarantined)),
        back=back_text(terms, state, pointer, seen.now),
        whole=whole,
        rows=tuple(sorted(rows, key=lambda row: (-row.level, row.where))),
        quiet=tuple(where_text(s) for s in watched) if not picture.problem else (),
        unwatched=tuple(where_text(s) for s in rest if s not in watched) if not picture.problem else (),
        past=", ".join(f"version {version}" for version in picture.past.get(terms.model, ())),
    )


def _row(
    terms: Terms,
    pointer: ReleasePointer | None,
    segment: Segment,
    picture: Picture,
    incidents: Mapping[Segment, Incident],
) -> Row:
    stream = (terms.model, segment)
    incident = incidents.get(segment)
    level = picture.tiers.get(stream, 0)
    tier = _TIERS[level]
    # Silence is no good news where nobody listens.
    if picture.problem:
        level, tier = -1, _UNKNOWN
    elif stream not in picture.watched and stream not in picture.tiers:
        level, tier = -1, _UNWATCHED
    return Row(
        where_text(segment),
        tier,
        level,
        _serves(pointer, segment),
        incident.state.replace("_", " ") if incident else "",
        incident.id if incident else "",
        picture.alerts.get(stream, ()),
    )


def _incidents(state: ModelState, pointer: ReleasePointer | None) -> dict[Segment, Incident]:
    """Return the newest incident of each segment that still says something about what serves, open ones first."""
    ordered = sorted(state.incidents.values(), key=lambda i: (i.state in OPEN, i.opened_at))
    return {i.key.segment: i for i in ordered if in_force(i, state, pointer)}


def _serves(pointer: ReleasePointer | None, segment: Segment) -> str:
    if pointer is None:
        return "no version"
    resolved = pointer.resolve({} if segment == AGGREGATE else {segment.name: segment.value})
    return f"version {resolved.version}, route {resolved.route}"


def _services(versions: Mapping[str, int], picture: Picture) -> str:
    if picture.problem:
        return "unknown: Prometheus does not answer"
    if not versions:
        return "none reports a version"
    return ", ".join(f"{count} on version {version}" for version, count in sorted(versions.items()))


def _may(terms: Terms, state: ModelState, now: float, moments: Moments) -> str:
    held = disarmed(state, now)
    if held is None or terms.mode is not RollbackMode.ENFORCE:
        return _MODES[terms.mode]
    who = " and ".join(held.by)
    return f"nothing by itself, it tells people instead: {held_text(held)}, by {who} since {moments.full(held.since)}"


def held_text(held: Standing) -> str:
    """Say in words what keeps the controller from acting."""
    kind = {NOT_READY: "not ready", POLICY_LOOSER: "policy not approved"}.get(held.kind, held.kind)
    return f"{kind} ({held.reason})"


def back_text(terms: Terms, state: ModelState, pointer: ReleasePointer | None, now: float) -> str:
    """Say which version the whole model could be given back now, or why none."""
    if pointer is None:
        return ""
    version, why = way_back(terms, state, pointer, now)
    return f"version {version}" if version else f"none, so that people would take over: {why}"


def _forced(terms: Terms) -> bool:
    return force_manual_path(terms.pointer).exists()
