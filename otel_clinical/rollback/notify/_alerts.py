"""Decide which incidents people are told of, whom by now, and in which words: a pure function of what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.report import incident_report
from otel_clinical.report.people import acknowledged_at
from otel_clinical.rollback.page._plans import did, will_do
from otel_clinical.semconv import attributes, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_clinical.report import IncidentReport
    from otel_clinical.rollback.page._moments import Moments
    from otel_clinical.rollback.terms import Terms

NAME: Final = "ClinicalAIIncident"
CATEGORY: Final = "incident"
ESCALATION: Final = ("first_line", "second_line", "safety_officer")
"""Values of the label `escalation`: who is called by now. It only ever rises."""
TIMERS: Final[Mapping[int, tuple[float, ...]]] = {
    1: (4 * 3_600.0, 24 * 3_600.0),
    2: (3_600.0, 4 * 3_600.0),
    3: (900.0, 1_800.0),
}
"""Seconds after which, unacknowledged, the next of `ESCALATION` is called, by tier."""
_TIERS: Final = {"engineering_review": 1, "governance_review": 2}
_QUIET: Final = frozenset({"stale", "rolled_back", "healthy"})
_TOLD_FOR: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Told:
    """One alert for people, as Alertmanager takes it."""

    incident: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def tier_of(incident: Mapping[str, Any]) -> int:
    """Return how urgent an incident is: 3 unless its state says that it is a review."""
    return _TIERS.get(incident["state"], 3)


def escalation_of(incident: Mapping[str, Any], now: float) -> int:
    """Return how many deadlines have passed without an acknowledgement."""
    waiting = now - incident["opened_at"]
    return sum(waiting >= limit for limit in TIMERS[tier_of(incident)])


def wanted(incident: Mapping[str, Any], now: float) -> bool:
    """Tell whether people are still to be told: somebody must act and nobody has said that they do.

    Args:
        incident: With its events, as the store describes it.
        now: Unix seconds.
    """
    if acknowledged_at(incident.get("events") or ()) is not None or incident["state"] in _QUIET:
        return False
    return bool(now - incident["opened_at"] < _TOLD_FOR)


def alert(
    incident: Mapping[str, Any],
    terms: Terms | None,
    moments: Moments,
    *,
    url: str,
    token: str,
    runbooks: str,
) -> Told:
    """Return the alert of one incident.

    Args:
        incident: As the store describes it, with small cells suppressed.
        terms: Of its model, None where the policy no longer names it.
        moments: How times are said.
        url: Of the controller's pages, as people reach it.
        token: Of the link to acknowledge it.
        runbooks: Address in front of a runbook's file name.
    """
    key, report = incident["key"], incident_report(incident, zone=moments.zone)
    labels = {
        "alertname": NAME,
        "category": CATEGORY,
        "severity": "critical" if tier_of(incident) == 3 else "warning",  # noqa: PLR2004 -- the highest tier
        "incident": incident["id"],
        "state": incident["state"],
        "escalation": ESCALATION[escalation_of(incident, moments.now)],
        prometheus_label(attributes.MODEL_NAME): key["model"],
        prometheus_label(attributes.MODEL_VERSION): incident["version"],
        prometheus_label(attributes.SEGMENT_NAME): key["segment"]["name"],
        prometheus_label(attributes.SEGMENT_VALUE): key["segment"]["value"],
    }
    annotations = {
        "summary": report.headline,
        "description": _skeleton(report, incident, terms, moments),
        "action": " ".join(report.next_steps) or "Look at the incident and acknowledge it.",
        "runbook_url": f"{runbooks.rstrip('/')}/{incident['alert']}.md",
        "incident_url": f"{url}/incidents/{incident['id']}",
        "ack_url": f"{url}/a/{token}",
        "audit": f"event {report.audit_seq}, head {report.audit_hash}",
    }
    return Told(incident["id"], labels, annotations)


def _skeleton(report: IncidentReport, incident: Mapping[str, Any], terms: Terms | None, moments: Moments) -> str:
    """Say the same in the same order everywhere, from what happened to what the machine will do."""
    facts = "; ".join(f"{fact.name}: {fact.value}" for fact in report.facts)
    lines: Sequence[tuple[str, str]] = (
        ("What", report.headline),
        ("Since", report.since or "not known"),
        ("Where", report.where),
        ("Evidence", facts or "not known"),
        ("Guards", _guards(report)),
        ("The machine did", " ".join(did(incident, moments))),
        ("It will do", " ".join(will_do(incident, terms, moments))),
    )
    return "\n".join(f"{name}: {text}" for name, text in lines)


def _guards(report: IncidentReport) -> str:
    if not report.guards:
        return "not asked yet"
    bad = [f"{guard.question} {guard.result} ({guard.because})" for guard in report.guards if guard.result != "pass"]
    passed = len(report.guards) - len(bad)
    return "; ".join([f"{passed} of {len(report.guards)} pass", *bad])
