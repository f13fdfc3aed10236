"""Gather what each page shows: plain values from the store, the worker and Prometheus."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.release import Segment
from otel_clinical.report import incident_report
from otel_clinical.report.evidence import telling
from otel_clinical.report.words import ACTIONS, plain_reason
from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback.acts import APPROVABLE, REASONS, VETO_PEOPLE, ActKind
from otel_clinical.rollback.calls import SETTLED, acknowledged
from otel_clinical.rollback.exposure import exposure_of
from otel_clinical.rollback.leaving import leaving
from otel_clinical.rollback.ledger import way_back
from otel_clinical.rollback.page._evidence import drawing, show_evidence, worst_segments
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._overview import OPEN, back_text, cards, held_text, where_text
from otel_clinical.rollback.page._plans import FORCED, did, take_out_command, will_do
from otel_clinical.rollback.page._releases import known_versions
from otel_clinical.rollback.page._tiers import look_at_tiers
from otel_clinical.rollback.state import ANNOUNCED, REVIEW, UNDECIDED, ModelState
from otel_clinical.rollback.store import CANNOT_STORE
from otel_clinical.semconv.enums import RollbackGuardResult, RollbackState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import tzinfo

    from otel_clinical.policy import Policy
    from otel_clinical.report import IncidentReport
    from otel_clinical.rollback.prometheus import Prometheus
    from otel_clinical.rollback.store import Store
    from otel_clinical.rollback.terms import Terms
    from otel_clinical.rollback.worker import Worker

AUDIT_ROWS: Final = 100
_HEARTBEAT: Final = 300.0
_PASS: Final = RollbackGuardResult.PASS
_RESULTS: Final = tuple(RollbackGuardResult(name) for name in ("fail", "unknown", "not_compared", "pass"))
_SHORT: Final = {
    ActKind.ACKNOWLEDGE: "somebody is on it",
    ActKind.VETO: "the machine does not act",
    ActKind.APPROVE: "the machine acts now",
}
_FORMS: Final = {
    ActKind.ACKNOWLEDGE: "Tells everybody that somebody is on it. It changes nothing in the machine.",
    ActKind.VETO: "Keeps the machine from acting on this incident. One person stops a change that is announced; to "
    f"close an open incident it needs {VETO_PEOPLE} different people: "
    "the AI keeps its reach although an alert fires.",
    ActKind.APPROVE: "Lets the machine act now although a guard did not pass or its mode keeps it from acting. It "
    "looks once more, and acts if the version still serves. One person is enough: the change takes reach from the AI.",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """What the pages are made of; `zone` is the one on the wall of those who read, `calls` whether it calls people."""

    policy: Policy
    terms: Mapping[str, Terms]
    store: Store
    worker: Worker
    prometheus: Prometheus
    clock: Callable[[], float]
    unconfirmed: Callable[[], str | None]
    zone: tzinfo
    calls: bool = False

    def moments(self) -> Moments:
        """Return times as seen from now."""
        return Moments(self.clock(), self.zone)

    def held(self, incident: Mapping[str, Any]) -> str:
        """Say what keeps the controller from acting about an incident, empty where nothing does."""
        seen, model = self.worker.snapshot(), incident["key"]["model"]
        kept = disarmed(seen.states[model], seen.now) if model in seen.states else None
        return "" if kept is None else held_text(kept)


def overview(source: Sources) -> dict[str, Any]:
    """Return what the first page shows."""
    moments, seen = source.moments(), source.worker.snapshot()
    pointed = {
        model: {pointer.version, *(rule.version for rule in pointer.rules if rule.version)}
        for model, pointer in seen.pointers.items()
    }
    picture = look_at_tiers(source.prometheus, pointed)
    incidents = _listed(source, moments)
    waiting = [
        item for item in incidents if item["open"] or ((item["page"] or item["review"]) and not item["acknowledged"])
    ]
    waiting.sort(key=lambda item: (item["review"], item["state"] == RollbackState.ENGINEERING_REVIEW))
    return {
        "moments": moments,
        "cards": cards(seen, source.terms, picture, moments),
        "problem": picture.problem,
        "unstored": CANNOT_STORE.format(source.store.problem) if source.store.problem else "",
        "waiting": [{**item, **_brief(source, item["id"], moments)} for item in waiting],
        "health": tuple(_health(source, moments)),
    }


def incident_index(source: Sources) -> dict[str, Any]:
    """Return what the list of all incidents shows."""
    moments = source.moments()
    return {"moments": moments, "incidents": _listed(source, moments)}


def incident(source: Sources, key: str) -> dict[str, Any] | None:
    """Return what the page of one incident shows, or None."""
    found = source.store.incident(key)
    if found is None:
        return None
    found, moments = leaving(found), source.moments()
    model = found["key"]["model"]
    terms = source.terms.get(model)
    report, take_out = incident_report(found, zone=source.zone), take_out_command(found, terms)
    shown = (
        show_evidence(source.prometheus, found, source.policy.models[model], moments)
        if model in source.policy.models
        else None
    )
    return {
        "moments": moments,
        "incident": found,
        "since": telling(found).get("change_point"),
        "acknowledged": acknowledged(found),
        "report": report,
        "evidence": shown,
        # What keeps the machine from acting comes first, and what passed can be opened: a phone is narrow.
        "shown": sorted(
            (guard for guard in report.guards if guard.result != _PASS), key=lambda guard: _RESULTS.index(guard.result)
        ),
        "passed": [guard for guard in report.guards if guard.result == _PASS],
        "back": _back_of(source, terms),
        "worst": worst_segments(source.prometheus, found) if found["state"] not in SETTLED else "",
        "did": did(found, moments),
        "will_do": will_do(found, terms, moments, calls=source.calls, held=source.held(found)),
        "steps": [step for step in report.next_steps if take_out == "" or FORCED not in step],
        "take_out": take_out,
        "acts": source.store.acts(key),
        "forms": tuple(_forms(found["state"], acknowledged=acknowledged(found))),
        "runbook": f"{source.policy.fleet.runbooks.rstrip('/')}/{found['alert']}.md",
    }


def _back_of(source: Sources, terms: Terms | None) -> str:
    """Say which version this model could be given back now, or why none; empty where nobody knows what serves."""
    seen = source.worker.snapshot()
    pointer = seen.pointers.get(terms.model) if terms is not None else None
    if terms is None or pointer is None:
        return ""
    return back_text(terms, seen.states.get(terms.model, ModelState()), pointer, seen.now)


def report_of(source: Sources, key: str) -> IncidentReport | None:
    """Return the report of one incident, with what the degraded version served, or None."""
    found = source.store.incident(key)
    if found is None:
        return None
    found, moments = leaving(found), source.moments()
    exposure = exposure_of(source.prometheus, found, now=moments.now, said=moments.full)
    return incident_report(found, zone=source.zone, exposure=exposure, written_at=moments.now)


def drawing_of(source: Sources, key: str) -> str:
    """Return the plot of one incident as SVG, empty where there is none."""
    found = source.store.incident(key)
    if found is None or found["key"]["model"] not in source.policy.models:
        return ""
    model = source.policy.models[found["key"]["model"]]
    return drawing(show_evidence(source.prometheus, leaving(found), model, source.moments()))


def releases(source: Sources) -> dict[str, Any]:
    """Return what the ledger page shows: every version, then every activation, newest first."""
    ledger, moments, seen = source.store.ledger(), source.moments(), source.worker.snapshot()
    bad = {(row["model"], row["version"]) for row in ledger["quarantines"]}
    rows = [
        {
            **row,
            "serves": row["model"] in seen.pointers and seen.pointers[row["model"]].activation == row["activation"],
            "quarantined": (row["model"], row["version"]) in bad,
        }
        for row in reversed(ledger["activations"])
    ]
    backs = {
        model: way_back(source.terms[model], seen.states.get(model, ModelState()), pointer, seen.now)
        for model, pointer in seen.pointers.items()
        if model in source.terms
    }
    restored = {model: version for model, (version, _) in backs.items()}
    return {
        "moments": moments,
        "versions": known_versions(ledger, source.terms, seen.pointers, restored, moments),
        "backs": backs,
        "activations": rows,
        "quarantines": ledger["quarantines"],
    }


def audit_page(source: Sources, before: int | None, about: str) -> dict[str, Any]:
    """Return one page of the audit, the newest first, optionally about one object."""
    head = source.store.audit_head()
    last = min(before - 1, head.seq) if before is not None else head.seq
    rows = source.store.audit_page(last, AUDIT_ROWS, about)
    events = [leaving(asdict(event)) for event in rows]
    return {
        "moments": source.moments(),
        "events": events,
        "words": ACTIONS,
        "head": asdict(head),
        "about": about,
        "older": events[-1]["seq"] if len(events) == AUDIT_ROWS else None,
        "newest": before is None,
    }


def _brief(source: Sources, key: str, moments: Moments) -> dict[str, Any]:
    """Return what the first page says of an incident that waits: the whole of it, and what comes next."""
    found = leaving(source.store.incident(key))
    report, terms = incident_report(found, zone=source.zone), source.terms.get(found["key"]["model"])
    coming = will_do(found, terms, moments, calls=source.calls, held=source.held(found))
    return {"headline": report.headline, "reason": report.reason, "will_do": coming[0], "calm": report.calm}


def _listed(source: Sources, moments: Moments) -> list[dict[str, Any]]:
    heads = {act["incident"]: act for act in source.store.acts() if act["kind"] == ActKind.ACKNOWLEDGE}
    return [
        {
            "id": item["id"],
            "model": item["key"]["model"],
            "version": item["version"],
            "where": where_text(Segment(**item["key"]["segment"])),
            "state": item["state"],
            "reason": plain_reason(item["reason"]),
            "opened": item["opened_at"],
            "open": item["state"] in OPEN,
            "review": item["state"] in REVIEW,
            "page": item["state"] in {"manual_route", "recommended"} and moments.now - item["opened_at"] < 7 * 86_400.0,
            "acknowledged": heads.get(item["id"]),
        }
        for item in leaving(source.store.incidents())
    ]


def _forms(state: str, *, acknowledged: bool) -> Iterator[dict[str, Any]]:
    """Yield the acts that are possible now; `open` are those that the state asks for, and come first."""
    possible = {ActKind.ACKNOWLEDGE: True, ActKind.VETO: state in UNDECIDED or state == ANNOUNCED}
    asked = {ActKind.ACKNOWLEDGE: not acknowledged, ActKind.VETO: state == ANNOUNCED}
    asked[ActKind.APPROVE] = state == RollbackState.RECOMMENDED
    for kind in sorted(_FORMS, key=lambda kind: not asked[kind]):
        if possible.get(kind, state in APPROVABLE):
            told = {"kind": kind.value, "title": kind.value.capitalize(), "short": _SHORT[kind], "open": asked[kind]}
            yield {**told, "explained": _FORMS[kind], "reasons": REASONS[kind]}


def _health(source: Sources, moments: Moments) -> Iterator[tuple[str, bool, str]]:
    """Yield (what, whether it is well, in words)."""
    working = source.worker.working()
    yield "Controller", working, "decides and acts" if working else "does no turns: restart it with its state directory"
    problem = source.unconfirmed()
    yield "Prometheus", problem is None, problem or "answers"
    beat = source.store.last_heartbeat()
    heard = beat is not None and moments.now - beat < _HEARTBEAT
    told = f"heartbeat {moments.ago(beat)}" if heard else f"heartbeat {moments.ago(beat)}: alerts may not arrive"
    yield "Alertmanager", heard, told
    problem = source.store.problem
    yield "State directory", not problem, CANNOT_STORE.format(problem) if problem else "can be written"
    head = source.store.audit_head()
    yield "Audit", True, f"event {head.seq}, head {head.hash[:12]}"
