"""Turn what the controller recorded about one incident into what a person needs to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.report.evidence import Fact, basis_of, facts_of, few, telling
from otel_clinical.report.people import Person, acknowledged_at, open_actions, people_of
from otel_clinical.report.words import ACTIONS, GUARDS, LOUD, NEXT_STEPS, STATES, plain_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from otel_clinical.report.exposure import Exposure

_FINE: Final = 300.0
_ATTRIBUTION: Final = "attribution"


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: what it asks, its result (pass, fail, unknown, not_compared), and the fact that decided it."""

    question: str
    result: str
    because: str

    @property
    def words(self) -> str:
        """Return the result as people read it."""
        return self.result.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Action:
    """One line of the timeline; `after` is seconds since the alert was first heard."""

    at: str
    after: str
    what: str
    detail: str
    by: str
    page: bool
    seq: int


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """Everything on the page. Times are text in one zone; `spans` are how long each step took.

    `calm` is False where people must do something now, `seen` when the evidence was last seen where that is over.
    """

    id: str
    model: str
    version: str
    where: str
    state: str
    headline: str
    calm: bool
    since: str
    opened: str
    closed: str
    reason: str
    spans: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    guards: tuple[Guard, ...]
    actions: tuple[Action, ...]
    next_steps: tuple[str, ...]
    people: tuple[Person, ...]
    open_actions: tuple[str, ...]
    exposure: Exposure | None
    audit_seq: int
    audit_hash: str
    written: str
    seen: str = ""
    basis: tuple[Fact, ...] = ()


def incident_report(
    incident: Mapping[str, Any],
    *,
    measures: Sequence[Fact] = (),
    written_at: float | None = None,
    zone: tzinfo = UTC,
    exposure: Exposure | None = None,
) -> IncidentReport:
    """Return the report of one incident as the controller's API and database describe it.

    Args:
        incident: As from `GET /v1/incidents/ID`: the incident with its intents, events and audit head.
        measures: Further facts to show first, such as times measured by a drill.
        written_at: Unix seconds; by default the time of the last audit event.
        zone: In which times are shown.
        exposure: What the degraded version served, where somebody has counted it.
    """
    key, look = incident["key"], telling(incident)
    events = incident.get("events") or []
    end = events[-1]["time"] if events else incident["opened_at"]
    head = incident.get("audit_head") or {"seq": 0, "hash": ""}
    state = incident["state"]
    steps = tuple(step.replace("INCIDENT", incident["id"]) for step in NEXT_STEPS.get(state, ()))
    return IncidentReport(
        id=incident["id"],
        model=key["model"],
        version=incident["version"],
        where=_where(key["segment"]),
        state=state,
        headline=_headline(incident, look),
        calm=state not in LOUD,
        since=_moment(look.get("change_point"), zone),
        opened=_moment(incident["opened_at"], zone),
        closed=_moment(incident.get("closed_at"), zone),
        reason=plain_reason(incident.get("reason") or ""),
        spans=tuple(_spans(incident, look, events)),
        facts=(*measures, *facts_of(look, key)),
        guards=tuple(_guards(incident.get("guards") or (), zone)),
        actions=tuple(_actions(events, incident["opened_at"], zone)),
        next_steps=steps,
        people=tuple(people_of(events, lambda at: _moment(at, zone))),
        open_actions=tuple(open_actions(incident, events, steps, exposure)),
        exposure=exposure,
        audit_seq=int(head["seq"]),
        audit_hash=str(head["hash"]),
        written=_moment(written_at if written_at is not None else end, zone),
        basis=tuple(basis_of(incident, look)),
        seen="" if look is (incident.get("last") or look) else _moment(look.get("taken_at"), zone),
    )


def _headline(incident: Mapping[str, Any], look: Mapping[str, Any]) -> str:
    """Say in one sentence what changed, where, and what the machine did."""
    key = incident["key"]
    where = _where(key["segment"])
    subject = f"{key['model']} {incident['version']}"
    if key["cause"] == "ordered":
        changed = f"A person wants {subject} replaced by the version that is known good."
    elif key["cause"] == "input":
        changed = f"Input of {where} for {subject} fell below its minimum quality."
    else:
        drop = look.get("drop")
        size = f" by {drop:.0%}" if isinstance(drop, int | float) and not few(look) else ""
        changed = f"Performance of {subject} dropped{size} in {where}."
    return f"{changed} {STATES.get(incident['state'], incident['state'])}"


def _spans(incident: Mapping[str, Any], look: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterable[Fact]:
    """Yield how long it took to hear, to answer, to act, and to see that it helped."""
    since, opened, acted = look.get("change_point"), incident["opened_at"], incident.get("acted_at")
    if isinstance(since, int | float):
        yield Fact("Change to alert heard", _span(opened - since), "by the estimated change point")
    known = acknowledged_at(events)
    if known is not None:
        yield Fact("Alert heard to acknowledged by a person", _span(known - opened))
    if acted is not None:
        yield Fact("Alert heard to change made", _span(acted - opened))
    verified = next((e["time"] for e in events if e["action"] == "rollback.verified"), None)
    if acted is not None and verified is not None:
        yield Fact("Change made to recovery verified", _span(verified - acted))


def _guards(reports: Iterable[Mapping[str, Any]], zone: tzinfo) -> Iterable[Guard]:
    for report in reports:
        guard, because, since = report["guard"], report["because"], (report.get("facts") or {}).get("change_point")
        if guard == _ATTRIBUTION and report["result"] == "pass" and since is not None:
            because = f"since {_moment(since, zone)}"
        yield Guard(GUARDS.get(guard, guard), report["result"], because)


def _actions(events: Sequence[Mapping[str, Any]], opened: float, zone: tzinfo) -> Iterable[Action]:
    for event in events:
        data = event["data"]
        yield Action(
            at=_moment(event["time"], zone),
            after=f"+{max(event['time'] - opened, 0):.1f} s",
            what=ACTIONS.get(event["action"], event["action"]),
            detail=_detail(data),
            by=event["actor"],
            page=bool(data.get("page")),
            seq=event["seq"],
        )


def _detail(data: Mapping[str, Any]) -> str:
    """Say what matters of an event in a few words."""
    change = data.get("change")
    if isinstance(change, dict):
        target = f"version {change['version']}" if change.get("version") else f"route {change.get('route')}"
        where = _where(change["segment"]) if change.get("segment") else "the whole model"
        return f"{target} for {where}"
    if data.get("reason"):
        return ": ".join(plain_reason(str(data[name])) for name in ("reason", "note") if data.get(name))
    if isinstance(data.get("instances"), int):
        return f"{data['instances']} services"
    if isinstance(data.get("performance"), int | float) and isinstance(data.get("baseline"), int | float):
        seen = f"performance {data['performance']:.1%}, baseline {data['baseline']:.1%}"
        return f"{seen}, {data.get('samples') or 0:,.0f} labels"
    if isinstance(data.get("behind"), list):
        return "still on another version: " + (", ".join(data["behind"]) or "no service reports at all")
    parts = [f"{name} {data[name]}" for name in ("version", "route", "activation", "epoch") if name in data]
    return ", ".join(parts)


def _where(segment: Mapping[str, str]) -> str:
    return "all segments together" if segment["name"] == "all" else f"{segment['name']} = {segment['value']}"


def _moment(at: object, zone: tzinfo) -> str:
    if not isinstance(at, int | float):
        return ""
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _span(seconds: float) -> str:
    """Say a span of time as finely as anybody needs it."""
    seconds = max(seconds, 0)
    if seconds < _FINE:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004 -- two hours
        return f"{minutes} min"
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days > 1 else f"{days * 24 + hours} h {minutes % 60} min"
