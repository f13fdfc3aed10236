"""Watch what serves and what was rolled back: router, versions, and the decisions of the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._rules_arming import arming
from otel_clinical.generate._rules_model import Group
from otel_clinical.generate._rules_promql import (
    MODEL,
    SEGMENT,
    STREAM,
    VERSION,
    Matcher,
    active,
    any_of,
    given,
    happened,
    increase,
    labels,
    matchers,
    number,
    other_than,
    over,
    select,
)
from otel_clinical.generate._rules_signals import INPUT_ALERT
from otel_clinical.generate._rules_text import (
    MODEL_NAME,
    MODEL_VERSION,
    WHERE,
    Author,
    Message,
    label,
    stop_by_hand,
)
from otel_clinical.generate._rules_tiers import ROLLBACK_ALERT
from otel_clinical.policy import DRILL_EVERY, duration_text
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import DeploymentChangeType, RollbackMode, RollbackState, RoutingLevel, TargetState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.generate._rules_model import Alert, Pace
    from otel_clinical.generate._rules_promql import Conditions
    from otel_clinical.policy import ModelPolicy, Policy

_TAKEN_UP = (
    RollbackState.ROLLING_BACK,
    RollbackState.CONVERGING,
    RollbackState.STUCK,
    RollbackState.INCONCLUSIVE,
    RollbackState.SAFE_MODE,
    RollbackState.HOLD,
    RollbackState.MANUAL_ROUTE,
    RollbackState.OVERRIDDEN,
)
_ANSWERED = any_of(*_TAKEN_UP)
"""States in which the controller has taken up an alert; each has its own alert where it needs a person.

Not those of a rollback that is made: states are kept, and one of last month would hide the next bad version. Not
`recommended` either: that is what other modes leave behind; in mode enforce the controller has not heard of it yet.
"""
_ANSWERED_HERE = any_of(*_TAKEN_UP, RollbackState.VERIFYING, RollbackState.ROLLED_BACK)
"""The same for one segment, with those of a rollback that is made.

The version goes on serving the other segments, and its labels of this one its alert, until the last is mature.
"""

_MOVING = any_of(RollbackState.ROLLING_BACK, RollbackState.CONVERGING, RollbackState.STUCK)
_RESTRICTED = any_of(RollbackState.SAFE_MODE, RollbackState.HOLD, RollbackState.MANUAL_ROUTE)
_NOT_ENFORCING = any_of(RollbackMode.OBSERVE, RollbackMode.RECOMMEND)
_ACTED_ON = Matcher("=~", f"{ROLLBACK_ALERT}|{INPUT_ALERT}")


def rollbacks(policy: Policy, pace: Pace) -> Iterator[Group]:
    """Yield one group per model."""
    author = Author(policy)
    for name, model in policy.models.items():
        yield Group(f"clinical-ai-release-{name}", tuple(_of_model(author, name, model, pace)))


def _of_model(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Iterator[Alert]:
    yield _router_degraded(author, name, pace)
    yield _two_versions(author, name, pace)
    if model.rollback.follow:
        yield _target_behind(author, name, pace)
    yield _executed(author, name, model, pace)
    yield _not_executed(author, name, model, pace)
    yield _stuck(author, name, model, pace)
    yield _inconclusive(author, name, model, pace)
    yield _restricted(author, name, pace)
    yield _drill_overdue(author, name)
    yield from arming(author, name, pace)


def _router_degraded(author: Author, name: str, pace: Pace) -> Alert:
    state = over("max", MODEL, select(metrics.ROUTER_DEGRADED, {attributes.MODEL_NAME: name}))
    return author.alert(
        "ClinicalAIRouterDegraded",
        f"{state} == 1",
        Message(
            f"{MODEL_NAME}: a router cannot read its release pointer",
            f"What: at least one instance that serves {MODEL_NAME} cannot read the release pointer. It keeps the last "
            "version it knew, so a rollback would not reach it.",
            "Check the file and the mount on that instance. If a rollback is due, restart it or take it out of "
            "service. The machine does nothing.",
        ),
        severity="critical",
        category="rollback",
        model=name,
        pending=pace.settle,
    )


def _two_versions(author: Author, name: str, pace: Pace) -> Alert:
    return author.alert(
        "ClinicalAITwoActiveVersions",
        f"{over('count', MODEL, active(name))} > 1",
        Message(
            f"{MODEL_NAME}: {{{{ $value }}}} versions are active at once",
            f"What: instances of {MODEL_NAME} disagree on the version that serves, for more than "
            f"{duration_text(pace.stuck)}. Some patients get the old one, some the new one.",
            "Compare the release pointer with each instance; restart the one that is behind. If a rollback is "
            "running, wait for ClinicalAIRollbackStuck.",
        ),
        severity="warning",
        category="rollback",
        model=name,
        pending=pace.stuck,
    )


def _drill_overdue(author: Author, name: str) -> Alert:
    model = {attributes.MODEL_NAME: name}
    enforcing = over("max", MODEL, select(metrics.ROLLBACK_MODE, {**model, attributes.ROLLBACK_MODE: "enforce"}))
    practised = over("max", MODEL, select(metrics.ROLLBACK_DRILL_TIME, model))
    recently = f"(time() - {practised} < {number(DRILL_EVERY)})"
    return author.alert(
        "ClinicalAIDrillOverdue",
        f"{enforcing} == 1 unless on ({labels(MODEL)}) {recently}",
        Message(
            f"{MODEL_NAME}: no rollback was practised for {duration_text(DRILL_EVERY)}",
            f"What: {MODEL_NAME} may be rolled back automatically, and within the last {duration_text(DRILL_EVERY)} no "
            "drill showed that an alert still reaches the controller and that the release pointer can be switched.",
            f"Practise by day, it takes a minute: `otel-clinical rollback drill {name} --policy POLICY "
            "--alertmanager URL --controller URL --token-file FILE --state DIR --by NAME`. The machine does nothing.",
        ),
        severity="info",
        category="rollback",
        model=name,
    )


def _target_behind(author: Author, name: str, pace: Pace) -> Alert:
    place = label(attributes.TARGET_NAME)
    wrong: Conditions = {attributes.MODEL_NAME: name, attributes.TARGET_STATE: other_than(TargetState.IN_STEP.value)}
    state = over("max", (*MODEL, attributes.TARGET_NAME), select(metrics.TARGET_STATUS, wrong))
    return author.alert(
        "ClinicalAITargetBehind",
        f"{state} == 1",
        Message(
            f"{MODEL_NAME}: {place} does not serve what the release pointer names",
            f"What: the place {place} that must follow the release pointer of {MODEL_NAME} has been out of step for "
            f"more than {duration_text(pace.stuck)}: somebody else changed it, it refuses, it does not answer, or its "
            "instances do not get there. Whoever is served from there may get the version that was rolled back.",
            f"See why: `otel-clinical target status {name} --policy POLICY`. If the release pointer is right: "
            f"`otel-clinical target sync {name} {place} --policy POLICY --by NAME`. "
            "The machine does not overwrite what somebody else chose.",
        ),
        severity="critical",
        category="rollback",
        model=name,
        pending=pace.stuck,
    )


def _executed(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    rolled_back = {
        attributes.MODEL_NAME: name,
        attributes.DEPLOYMENT_CHANGE_TYPE: DeploymentChangeType.ROLLBACK.value,
    }
    keys = (*MODEL, attributes.DEPLOYMENT_CHANGE_TRIGGER, attributes.DEPLOYMENT_CHANGE_REASON)
    return author.alert(
        "ClinicalAIRollbackExecuted",
        happened(metrics.DEPLOYMENT_CHANGES, keys, pace.recent, rolled_back),
        Message(
            f"{MODEL_NAME}: rolled back ({label(attributes.DEPLOYMENT_CHANGE_TRIGGER)}, "
            f"{label(attributes.DEPLOYMENT_CHANGE_REASON)})",
            f"What: {MODEL_NAME} was returned to its previous version within the last {duration_text(pace.recent)}, "
            f"trigger {label(attributes.DEPLOYMENT_CHANGE_TRIGGER)}, reason "
            f"{label(attributes.DEPLOYMENT_CHANGE_REASON)}.",
            "Check on the dashboard that the previous version serves. The controller verifies recovery within "
            f"{duration_text(model.rollback.verify.within)}; the bad version stays quarantined.",
        ),
        severity="info",
        category="rollback",
        model=name,
    )


def _not_executed(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    firing = matchers({"alertname": ROLLBACK_ALERT, "alertstate": "firing", attributes.MODEL_NAME: name})
    answered: Conditions = {attributes.MODEL_NAME: name, attributes.ROLLBACK_STATE: _ANSWERED}
    everywhere: Conditions = {**answered, attributes.SEGMENT_NAME: AGGREGATE}
    here: Conditions = {
        **answered,
        attributes.SEGMENT_NAME: other_than(AGGREGATE),
        attributes.ROLLBACK_STATE: _ANSWERED_HERE,
    }
    # A segment that was given this version has no other to go back to once its recovery was verified.
    again: Conditions = {**here, attributes.ROLLBACK_STATE: any_of(*_TAKEN_UP, RollbackState.VERIFYING)}
    proved, place = over("max", STREAM, f"ALERTS{firing}"), f"unless on ({labels(SEGMENT)})"
    serving = (
        f"{proved} and on ({labels(VERSION)}) ({active(name)}) {place} ({select(metrics.ROLLBACK_STATE, here)} == 1)"
    )
    instead = (
        f"{proved} and on ({labels(STREAM)}) ({given(name)}) {place} ({select(metrics.ROLLBACK_STATE, again)} == 1)"
    )
    mode: Conditions = {attributes.MODEL_NAME: name, attributes.ROLLBACK_MODE: _NOT_ENFORCING}
    return author.alert(
        "ClinicalAIRollbackNotExecuted",
        f"(\n  {serving}\n  or\n  {instead}\n)\n"
        f"unless on ({labels(MODEL)}) ({select(metrics.ROLLBACK_MODE, mode)} == 1)\n"
        f"unless on ({labels(MODEL)}) ({select(metrics.ROLLBACK_STATE, everywhere)} == 1)",
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: tier 3 in {WHERE}, and nobody acted",
            f"What: tier 3 is proved for {MODEL_NAME} version {MODEL_VERSION} in {WHERE} for more than "
            f"{duration_text(pace.stuck)}, the version still serves, and the controller has not taken it up.",
            f"Act yourself: {stop_by_hand(model)} Then find out why the webhook or the controller does not work.",
        ),
        severity="critical",
        category="rollback",
        model=name,
        pending=pace.stuck,
    )


def _in_state(name: str, states: Matcher, place: Conditions | None = None) -> str:
    """Return the segments of a model whose incident is in one of `states`, with the state."""
    conditions: Conditions = {attributes.MODEL_NAME: name, **(place or {}), attributes.ROLLBACK_STATE: states}
    keys = (*SEGMENT, attributes.ROLLBACK_STATE)
    return over("max", keys, select(metrics.ROLLBACK_STATE, conditions)) + " == 1"


def _stuck(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    return author.alert(
        "ClinicalAIRollbackStuck",
        _in_state(name, _MOVING),
        Message(
            f"{MODEL_NAME}: the rollback in {WHERE} does not finish",
            f"What: the controller has been in state {label(attributes.ROLLBACK_STATE)} for {MODEL_NAME} in {WHERE} "
            f"for more than {duration_text(pace.stuck)}. The bad version may still serve. It keeps trying.",
            "Can the controller write the release pointer, and does every instance read it? If that is not solved "
            f"at once: {stop_by_hand(model)}",
        ),
        severity="critical",
        category="rollback",
        model=name,
        pending=pace.stuck,
    )


def _inconclusive(author: Author, name: str, model: ModelPolicy, pace: Pace) -> Alert:
    # The state is kept after the alert has ended; only while it lasts is there something to decide.
    lasting = matchers({"alertname": _ACTED_ON, "alertstate": "firing", attributes.MODEL_NAME: name})
    return author.alert(
        "ClinicalAIRollbackInconclusive",
        f"{_in_state(name, any_of(RollbackState.INCONCLUSIVE))}\nand on ({labels(SEGMENT)}) ALERTS{lasting}",
        Message(
            f"{MODEL_NAME}: the machine cannot decide on {WHERE}; you must",
            f"What: an alert that calls for action lasts for {MODEL_NAME} in {WHERE}, but a guard failed or could not "
            "be evaluated. Nothing was changed; the version still serves.",
            "Read the failed guards: otel-clinical rollback status. Then activate the previous version by hand, or "
            f"{stop_by_hand(model)} Or record why not.",
        ),
        severity="critical",
        category="rollback",
        model=name,
        pending=pace.settle,
    )


def _restricted(author: Author, name: str, pace: Pace) -> Alert:
    """Return the reminder that reach is restricted: a state says so, and no answer is used as it is any more."""
    standard: Conditions = {attributes.MODEL_NAME: name, attributes.ROUTING_LEVEL: RoutingLevel.STANDARD.value}
    here = over("sum", SEGMENT, increase(metrics.SEGMENT_INFERENCES, pace.recent, standard))
    anywhere = over("sum", MODEL, increase(metrics.INFERENCES, pace.recent, standard))
    in_segment = _in_state(name, _RESTRICTED, {attributes.SEGMENT_NAME: other_than(AGGREGATE)})
    as_a_whole = _in_state(name, _RESTRICTED, {attributes.SEGMENT_NAME: AGGREGATE})
    return author.alert(
        "ClinicalAIReachRestricted",
        f"({in_segment}\nunless on ({labels(SEGMENT)}) ({here} > 0))\n"
        f"or\n({as_a_whole}\nunless on ({labels(MODEL)}) ({anywhere} > 0))",
        Message(
            f"{MODEL_NAME}: reach restricted in {WHERE} ({label(attributes.ROLLBACK_STATE)})",
            f"What: the controller put {MODEL_NAME} in {WHERE} into state {label(attributes.ROLLBACK_STATE)}. Its "
            "answers go to a more careful route, and stay there until people release it.",
            "Nothing tonight: this is the safe state. Find the cause, and release the reach with two people when "
            "it is gone.",
        ),
        severity="info",
        category="rollback",
        model=name,
        pending=pace.settle,
    )
