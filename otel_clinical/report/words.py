"""Say in plain words what states, guards and audit events mean, and what a person does next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES: Final[Mapping[str, str]] = {
    "engineering_review": "It reached tier 1: engineering reviews it.",
    "governance_review": "It reached tier 2: clinical governance reviews it.",
    "deciding": "The controller is confirming it.",
    "announced": "A change is announced; until its time any person may stop it.",
    "inconclusive": "The controller could not confirm it and keeps asking.",
    "recommended": "The controller recommends a change and may not make it: people decide.",
    "rolling_back": "The controller is changing the deployment.",
    "stuck": "The controller cannot reach the deployment it must change.",
    "converging": "The previous version was restored; services are switching.",
    "verifying": "The previous version serves; recovery is being verified.",
    "rolled_back": "The previous version was restored and performance recovered.",
    "safe_mode": "The version is not to blame; the safer route is in force.",
    "hold": "The source is held on the safer route.",
    "manual_route": "People decide now: the AI is routed to manual.",
    "overridden": "Somebody changed the deployment meanwhile; the controller stood back.",
    "stale": "Another version serves by now; nothing was changed.",
    "healthy": "Reviewed and cleared by people.",
}

LOUD: Final = frozenset(
    {
        "engineering_review",
        "governance_review",
        "announced",
        "inconclusive",
        "recommended",
        "stuck",
        "manual_route",
        "overridden",
    }
)
"""States in which something is for people to do, and not only to know."""

GUARDS: Final[Mapping[str, str]] = {
    "active_version": "Does the version that the alert names serve now?",
    "sample": "Is it proved on enough labels?",
    "telemetry": "Is the telemetry alive?",
    "baseline": "Is it measured against the frozen baseline?",
    "confirmation": "Does Prometheus itself say so, twice?",
    "alert_age": "Is the alert recent, by clocks that agree?",
    "attribution": "Is it known since when?",
    "label_health": "Are there labels enough, and do they still come?",
    "case_mix": "Is the drop there at the baseline's mix of cases?",
    "counterfactual": "Would the version to go back to be better today?",
    "common_cause": "Did nothing else drop with it?",
}

ACTIONS: Final[Mapping[str, str]] = {
    "incident.opened": "Alert heard, incident opened",
    "incident.escalated": "Proved by the tier that may act",
    "incident.time_is_up": "Nobody decided in time; the policy does",
    "incident.unanswered": "Nobody has answered; people are called again",
    "change.announced": "Change announced; until its time any person may stop it",
    "change.begun": "The time to stop the change is over",
    "order.acknowledge": "A person takes care of it",
    "order.veto": "A person stopped what would have been done",
    "order.approve": "A person decided it",
    "order.activate": "A person let another version serve",
    "order.rollback": "A person ordered that the known good version serves",
    "order.refused": "An order that could not be taken",
    "review.opened": "People are asked to review it",
    "review.raised": "The next tier asks for a review",
    "review.cleared": "Reviewed and cleared by a person",
    "incident.reopened": "Still firing now that the controller may act; decided anew",
    "incident.stale": "Another version serves by now",
    "alert.fires": "Alert fires again",
    "alert.resolved": "Alert resolved; no proof of recovery",
    "incident.closed": "Closed by a person",
    "alert.covered": "Another segment's alert, covered by this change",
    "decision.inconclusive": "Not confirmed yet",
    "decision.rollback": "Decided: roll back",
    "decision.safe_mode": "Decided: safe mode",
    "decision.hold": "Decided: hold the source",
    "decision.refused": "Decided: no rollback, route to people",
    "change.planned": "Change written down",
    "change.made": "Change made",
    "change.conflicted": "Somebody changed the deployment first; deciding anew",
    "change.superseded": "Somebody changed the deployment first; stood back",
    "change.recommended": "Change recommended, not made",
    "target.stuck": "Deployment cannot be reached",
    "rollback.converged": "Every service runs the restored version",
    "rollback.not_converged": "Some services do not run the restored version",
    "rollback.verified": "Recovery verified",
    "rollback.not_verified": "Recovery not seen in time",
    "rollback.overridden": "Somebody activated another version",
    "person.acknowledge": "Acknowledged by a person",
    "person.veto": "Vetoed by a person",
    "person.approve": "Approved by a person",
    "escalation.raised": "Nobody has answered; the next in line is called",
    "controller.started": "Controller started",
    "controller.not_ready": "Kept from acting: it has not shown what it must",
    "controller.armed": "May act: it has shown what it must",
    "webhook.received": "Notification of Alertmanager stored",
    "activation.observed": "A version was put into service",
    "release.registered": "Version registered in the ledger",
    "release.known_good": "Version is known good from now on",
    "release.smoke": "Golden set run",
    "order.waits": "An order waits for a second person",
    "order.arm": "Two people let it act",
    "watch.began": "Watching began",
    "watch.resumed": "Watching went on after a gap",
    "drill.heard": "Alert of a drill heard; nothing is done",
    "drill.passed": "Drill passed",
    "drill.failed": "Drill failed",
    "decision.judged": "A person judged what it decided",
    "state.changed": "What it knows of a model changed",
}

_KEEP: Final = "Keep the route until the cause is understood; only people widen the reach of the AI again."
_REVIEWED: Final = (
    "Close it when it is understood (otel-clinical rollback close INCIDENT --by NAME --reason TEXT --state DIR)."
)
NEXT_STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "engineering_review": (
        "Find out what changed for these cases at the change point: the model, its inputs, the labels.",
        _REVIEWED,
    ),
    "governance_review": (
        "Decide with clinical governance whether the AI may go on as it does.",
        "Find out what changed for these cases at the change point: the model, its inputs, the labels.",
        _REVIEWED,
    ),
    "deciding": ("Look again in a minute: whether it is confirmed takes two looks at Prometheus.",),
    "announced": (
        "If the change would be wrong, veto it before its time: one person is enough.",
        "If it is right, nothing has to be done; whoever approves it has it made at once.",
    ),
    "rolling_back": ("Look again in a minute: the change is being made.",),
    "converging": ("See that every service follows; restart or take out one that does not.",),
    "verifying": (
        "Tell those who use the model that the previous version serves.",
        "See that performance recovers; if it does not, people take over.",
    ),
    "rolled_back": (
        "Review the work that the degraded version did between change point and rollback.",
        "Find out why validation let the version pass; it is quarantined until then.",
    ),
    "safe_mode": ("Find out what changed outside the model: rules, forms, populations, upstream systems.", _KEEP),
    "hold": ("Ask the owner of the source system what changed; the records lack required fields.", _KEEP),
    "manual_route": (
        "Staff the manual workflow now.",
        "Decide with clinical governance which version may serve.",
        _KEEP,
    ),
    "inconclusive": (
        "Look at the guards that did not pass: they say which fact is missing.",
        "If you know that it is the version, approve: the machine then acts without that fact.",
        "If harm is likely, route to people now: create the FORCE_MANUAL file beside the release pointer.",
    ),
    "stuck": (
        "Restore access to the release pointer: disk, mount, permissions.",
        "Until it can be changed, route to people: create the FORCE_MANUAL file beside it.",
    ),
    "overridden": ("Ask who changed the deployment, and whether the degradation is over.",),
    "recommended": ("Approve the recommended change, make it by hand, or decide that the version stays.",),
}

_AWAY: Final = "Prometheus does not answer"
_NAMED: Final = re.compile(rf"\b(?:{'|'.join(GUARDS)}): ")
_MOST: Final = 3


def plain_reason(reason: str) -> str:
    """Say why in plain words: without the names of guards, once each, and not all of many.

    >>> plain_reason("baseline: the processor reports no baseline; sample: no evidence")
    'the processor reports no baseline; no evidence'
    >>> plain_reason("confirmation: Prometheus does not answer; attribution: no change point")
    'Prometheus does not answer, so that nothing can be confirmed'
    """
    if not _NAMED.search(reason):
        return reason
    parts = list(dict.fromkeys(_NAMED.sub("", reason).split("; ")))
    if _AWAY in parts:
        return f"{_AWAY}, so that nothing can be confirmed"
    left = len(parts) - _MOST
    return "; ".join(parts[:_MOST]) + (f"; and {left} more" if left > 0 else "")
