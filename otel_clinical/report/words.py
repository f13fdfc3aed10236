"""Say in plain words what states, guards and audit events mean, and what a person does next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES: Final[Mapping[str, str]] = {
    "engineering_review": "Performance dropped by the first tier; engineering reviews it.",
    "governance_review": "Performance dropped by the second tier; clinical governance reviews it.",
    "deciding": "The controller is confirming it.",
    "announced": "A change is announced; until its time any person may stop it.",
    "inconclusive": "The controller could not confirm it and keeps asking.",
    "recommended": "The controller recommends a change; its mode does not let it act.",
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
}

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
}

_KEEP: Final = "Keep the route until the cause is understood; only people widen the reach of the AI again."
NEXT_STEPS: Final[Mapping[str, tuple[str, ...]]] = {
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
        "If harm is likely, route to people now: create the FORCE_MANUAL file beside the release pointer.",
    ),
    "stuck": ("Restore access to the release pointer, or create the FORCE_MANUAL file beside it.",),
    "overridden": ("Ask who changed the deployment, and whether the degradation is over.",),
    "recommended": ("Decide whether to make the recommended change by hand.",),
}
