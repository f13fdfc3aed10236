"""Say what the machine did about an incident, and what it will do next and when."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.release import Segment, force_manual_path
from otel_clinical.rollback._sampling import FROZEN
from otel_clinical.rollback.alerts import AGGREGATE
from otel_clinical.rollback.calls import LINES, SETTLED, acknowledged, call_times, calls_of, since, tier_of
from otel_clinical.rollback.page._overview import where_text
from otel_clinical.semconv.enums import RollbackMode, RollbackState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_clinical.rollback.page._moments import Moments
    from otel_clinical.rollback.terms import Terms

FORCED: Final = "FORCE_MANUAL"
"""What the sentences about the file beside the release pointer call it."""
_NOTHING: Final = "Nothing more by itself. Only people give the AI its reach back."
_ANNOUNCED: Final = "Announced this change and has not made it: {}."
_STUCK: Final = "Tries to make this change, in vain so far: {}."
_STATUS: Final = {
    "planned": "Is making this change now: {}.",
    "applied": "Made this change: {}.",
    "superseded": "Planned this change and stood back, because somebody changed the deployment first: {}.",
    "skipped": "Would have made this change, and was not allowed to: {}.",
}


_LINES: Final = {name: name.replace("_", " ") for name in LINES}
_LEFT_OPEN: Final = {
    "page": "the freeze of rollbacks ends, and it decides anew.",
    "assisted": "it puts this on the assisted route.",
    "manual": "it routes this to people (manual).",
    "rollback": "it decides without the guards.",
}
"""What the end of an open question brings, by the policy's word for it."""


def did(incident: Mapping[str, Any], moments: Moments) -> tuple[str, ...]:
    """Return what was done, one sentence each."""
    intents = incident.get("intents") or []
    lines = [_change(intent, incident["state"], moments) for intent in sorted(intents, key=lambda i: i["planned_at"])]
    return tuple(lines) or ("Nothing was changed.",)


def will_do(
    incident: Mapping[str, Any], terms: Terms | None, moments: Moments, *, calls: bool = False, held: str = ""
) -> tuple[str, ...]:
    """Return what will be done, with times, one sentence each; `calls` says whether it calls people.

    `held` is what keeps it from acting, in words.
    """
    called = _call(incident, terms, moments) if calls else ""
    return (*_next(incident, terms, moments, held), *([called] if called else []))


def take_out_command(incident: Mapping[str, Any], terms: Terms | None) -> str:
    """Return the command that leaves every call of the model to people, empty where that would change nothing."""
    whole = incident["key"]["segment"]["name"] == AGGREGATE.name
    manual = whole and incident["state"] == RollbackState.MANUAL_ROUTE
    if terms is None or manual or incident["state"] in SETTLED:
        return ""
    return f"touch {shlex.quote(str(force_manual_path(terms.pointer)))}"


def _call(incident: Mapping[str, Any], terms: Terms | None, moments: Moments) -> str:
    """Say who is called next, and when, unless somebody acknowledges before."""
    if acknowledged(incident) or incident["state"] in SETTLED:
        return ""
    calls = calls_of(terms)[tier_of(incident)]
    for name, at in zip(LINES, call_times(calls, since(incident)), strict=True):
        if at > moments.now:
            hours = " (working hours)" if calls.hours is not None else ""
            return f"At {moments.short(at)}{hours} it calls the {_LINES[name]}, unless somebody acknowledges before."
    return ""


def _next(incident: Mapping[str, Any], terms: Terms | None, moments: Moments, held: str) -> Iterator[str]:
    state, at = incident["state"], moments.short(incident.get("next_at"))
    if terms is None:
        yield "Nothing: this model is no longer in the policy."
    elif state in {RollbackState.DECIDING, RollbackState.INCONCLUSIVE}:
        yield from _undecided(incident, terms, moments, held)
    elif state == RollbackState.ANNOUNCED:
        yield f"At {moments.short(incident['act_at'])} it makes the announced change, unless anybody vetoes it before."
    elif state in {RollbackState.ENGINEERING_REVIEW, RollbackState.GOVERNANCE_REVIEW}:
        yield "Nothing by itself. It stays open until somebody has reviewed it, acknowledges and closes it."
    elif state in {RollbackState.ROLLING_BACK, RollbackState.STUCK}:
        yield f"At {at} it tries again, and so on until it succeeds or somebody else changes the deployment."
    elif state in {RollbackState.CONVERGING, RollbackState.VERIFYING}:
        if incident.get("converge_by"):
            yield f"At {moments.short(incident['converge_by'])} it pages if a service still runs another version."
        if incident.get("verify_by"):
            until = moments.short(incident["verify_by"])
            yield f"At {until} it routes to people (manual) if performance has not recovered by then."
    elif state == RollbackState.RECOMMENDED:
        yield f"Nothing: {held or 'its mode does not let it act'}. People decide."
    else:
        yield _NOTHING


def _undecided(incident: Mapping[str, Any], terms: Terms, moments: Moments, held: str) -> Iterator[str]:
    ends = incident["last_seen"] + terms.maximum_alert_age
    if incident.get("approved_by"):
        yield f"Acts at its next look, because {incident['approved_by']} approved it, if the version still serves."
        return
    if not incident["firing"] or moments.now > ends:
        yield "Nothing until the alert is heard again: it has ended or fallen silent. That is no proof of recovery."
        return
    acts = terms.mode is RollbackMode.ENFORCE and not held
    act = "changes the deployment" if acts else "notes what it would change"
    at = max(incident["next_at"], moments.now)
    yield f"At {moments.short(at)} it asks Prometheus again. As soon as every guard passes it {act}, without asking."
    if held:
        yield f"It is kept from acting: {held}."
    yield f"At {moments.short(ends)} it stops asking, unless the alert is heard of again before."
    if incident.get("vetoed_by"):
        yield f"It does nothing for the lack of an answer: {incident['vetoed_by']} vetoed that."
    elif incident.get("act_at"):
        frozen = incident["reason"].startswith(FROZEN)
        what = _LEFT_OPEN["page" if frozen else terms.then]
        yield f"At {moments.short(incident['act_at'])}, if nobody decides before and the alert goes on, {what}"


def _change(intent: Mapping[str, Any], state: str, moments: Moments) -> str:
    change = intent["change"]
    where = where_text(Segment(**change["segment"])) if change.get("segment") else "the whole model"
    what = f"version {change['version']}" if change.get("version") else f"route {change.get('route')}"
    at = intent.get("applied_at") or intent["planned_at"]
    told = f"{what} in place of version {intent['from_version']} for {where}, {moments.full(at)}"
    if not change.get("version"):
        told = f"{what} for {where}, {moments.full(at)}"
    manner = _STATUS[intent["status"]]
    if intent["status"] == "planned":
        manner = {RollbackState.ANNOUNCED: _ANNOUNCED, RollbackState.STUCK: _STUCK}.get(RollbackState(state), manner)
    return manner.format(told)
