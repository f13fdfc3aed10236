"""Decide which incidents people are told of, whom by now, and in which words: a pure function of what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.report import incident_report
from otel_clinical.report.evidence import DROP
from otel_clinical.rollback.calls import LINES, SETTLED, acknowledged, calls_of, level, since, tier_of
from otel_clinical.rollback.page._plans import FORCED, did, take_out_command, will_do
from otel_clinical.semconv import attributes, prometheus_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from otel_clinical.report import Fact, IncidentReport
    from otel_clinical.rollback.calls import Calls
    from otel_clinical.rollback.page._moments import Moments
    from otel_clinical.rollback.terms import Terms

NAME: Final = "ClinicalAIIncident"
CATEGORY: Final = "incident"
_TOLD_FOR: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Told:
    """One alert for people, as Alertmanager takes it."""

    incident: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def wanted(incident: Mapping[str, Any], calls: Mapping[int, Calls], now: float) -> bool:
    """Tell whether people are told now: somebody must act, nobody has said that they do, and it may not wait.

    Args:
        incident: With its events, as the store describes it.
        calls: By tier.
        now: Unix seconds.
    """
    if acknowledged(incident) or incident["state"] in SETTLED:
        return False
    return now - since(incident) < _TOLD_FOR and level(incident, calls, now) >= 0


def may_wait(incident: Mapping[str, Any], now: float) -> bool:
    """Tell, without its events, whether an incident may wait for people: something of it is recent."""
    heard = max(incident["opened_at"], incident["last_seen"], incident.get("closed_at") or 0.0)
    return bool(incident["state"] not in SETTLED and now - heard < _TOLD_FOR)


def alert(
    incident: Mapping[str, Any],
    terms: Terms | None,
    moments: Moments,
    *,
    url: str,
    token: str,
    runbooks: str,
    held: str = "",
) -> Told:
    """Return the alert of one incident.

    Args:
        incident: As the store describes it, with small cells suppressed.
        terms: Of its model, None where the policy no longer names it.
        moments: How times are said.
        url: Of the controller's pages, as people reach it.
        token: Of the link to acknowledge it.
        runbooks: Address in front of a runbook's file name.
        held: What keeps the controller from acting, in words.
    """
    key, report = incident["key"], incident_report(incident, zone=moments.zone)
    labels = {
        "alertname": NAME,
        "category": CATEGORY,
        "severity": "critical" if tier_of(incident) == 3 else "warning",  # noqa: PLR2004 -- the highest tier
        "incident": incident["id"],
        "state": incident["state"],
        "escalation": LINES[max(level(incident, calls_of(terms), moments.now), 0)],
        prometheus_label(attributes.MODEL_NAME): key["model"],
        prometheus_label(attributes.MODEL_VERSION): incident["version"],
        prometheus_label(attributes.SEGMENT_NAME): key["segment"]["name"],
        prometheus_label(attributes.SEGMENT_VALUE): key["segment"]["value"],
    }
    annotations = {
        "summary": report.headline,
        "description": _skeleton(report, incident, terms, moments, held),
        "action": _action(report, take_out_command(incident, terms)),
        "runbook_url": f"{runbooks.rstrip('/')}/{incident['alert']}.md",
        "incident_url": f"{url}/incidents/{incident['id']}",
        "ack_url": f"{url}/a/{token}",
        "audit": f"event {report.audit_seq}, head {report.audit_hash}",
    }
    return Told(incident["id"], labels, annotations)


def _action(report: IncidentReport, take_out: str) -> str:
    """Say what to do, and last of all how to take the AI out at once."""
    steps = [step for step in report.next_steps if not take_out or FORCED not in step]
    last = [f"If harm is likely, take the AI out at once, for the whole model: {take_out}"] if take_out else []
    return " ".join([*(steps or ["Look at the incident and acknowledge it."]), *last])


def _skeleton(
    report: IncidentReport, incident: Mapping[str, Any], terms: Terms | None, moments: Moments, held: str
) -> str:
    """Say the same in the same order everywhere, from what happened to what the machine will do."""
    facts = "; ".join(f"{fact.name}: {fact.value}{_bounds(fact)}" for fact in report.facts)
    lines: Sequence[tuple[str, str]] = (
        ("What", report.headline),
        ("Since", report.since or "not known"),
        ("Where", report.where),
        ("Evidence", facts or "not known"),
        ("Guards", _guards(report)),
        ("The machine did", " ".join(did(incident, moments))),
        ("It will do", " ".join(will_do(incident, terms, moments, calls=True, held=held))),
    )
    return "\n".join(f"{name}: {text}" for name, text in lines)


def _bounds(fact: Fact) -> str:
    """Return between what a drop lies; the other facts are explained on the page."""
    return f" ({fact.meaning})" if fact.name == DROP and fact.meaning else ""


def _guards(report: IncidentReport) -> str:
    if not report.guards:
        return "not asked yet"
    bad = [f"{guard.question} {guard.words} ({guard.because})" for guard in report.guards if guard.result != "pass"]
    passed = len(report.guards) - len(bad)
    return "; ".join([f"{passed} of {len(report.guards)} pass", *bad])
