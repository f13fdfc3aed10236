"""Situations of what serves and what was rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._cases_arming import arming_cases
from otel_clinical.generate._cases_model import (
    LOOKS,
    Labels,
    Scenario,
    Series,
    Subject,
    born,
    foreign,
    growing,
    in_segment,
    late,
    level,
)
from otel_clinical.generate._rules_signals import INPUT_ALERT
from otel_clinical.generate._rules_tiers import ROLLBACK_ALERT
from otel_clinical.policy import DRILL_EVERY
from otel_clinical.semconv import AGGREGATE, attributes, metrics
from otel_clinical.semconv.enums import (
    DeploymentChangeReason,
    DeploymentChangeTrigger,
    DeploymentChangeType,
    RollbackMode,
    RollbackState,
    RoutingLevel,
    TargetState,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.semconv import MetricDef


def rollback_cases(subject: Subject) -> Iterator[Scenario]:
    """Yield the scenarios of one model's release and rollback."""
    yield _switch("ClinicalAIRouterDegraded", metrics.ROUTER_DEGRADED, subject.model, model=subject.name)
    yield Scenario(
        "ClinicalAITwoActiveVersions",
        fires={"two versions say that they are active": (subject.active(), subject.active("another"))},
        quiet={"one does": (subject.active(),)},
        about=(subject.model,),
        model=subject.name,
    )
    if subject.policy.rollback.follow:
        yield _target_behind(subject)
    yield _executed(subject)
    yield _not_executed(subject)
    yield _in_state(subject, "ClinicalAIRollbackStuck", RollbackState.CONVERGING, RollbackState.VERIFYING)
    yield _inconclusive(subject)
    yield _restricted(subject)
    yield _drill_overdue(subject)
    yield from arming_cases(subject)


def _switch(alert: str, metric: MetricDef, labels: Labels, *, model: str | None = None) -> Scenario:
    return Scenario(
        alert,
        fires={"the state is on": (level(metric, labels, 1),)},
        quiet={"the state is off": (level(metric, labels, 0),)},
        about=(labels,),
        model=model,
    )


def _drill_overdue(subject: Subject) -> Scenario:
    def may(mode: RollbackMode) -> Series:
        return level(metrics.ROLLBACK_MODE, {**subject.model, attributes.ROLLBACK_MODE: mode.value}, 1)

    practised = level(metrics.ROLLBACK_DRILL_TIME, subject.model, 0)  # when the tests' clock began
    long_ago = level(metrics.ROLLBACK_DRILL_TIME, subject.model, -DRILL_EVERY)
    return Scenario(
        "ClinicalAIDrillOverdue",
        fires={
            "the last drill is long past": (may(RollbackMode.ENFORCE), long_ago),
            "there never was one": (may(RollbackMode.ENFORCE),),
        },
        quiet={
            "there was one lately": (may(RollbackMode.ENFORCE), practised),
            "nothing is done automatically": (may(RollbackMode.RECOMMEND),),
        },
        about=(subject.model,),
        model=subject.name,
    )


def _target_behind(subject: Subject) -> Scenario:
    place = {**subject.model, attributes.TARGET_NAME: next(iter(subject.policy.rollback.follow))}

    def stands(state: TargetState, value: float) -> Series:
        return level(metrics.TARGET_STATUS, {**place, attributes.TARGET_STATE: state.value}, value)

    arrived = stands(TargetState.IN_STEP, 1)
    return Scenario(
        "ClinicalAITargetBehind",
        fires={
            "somebody else changed it": (stands(TargetState.OVERRIDDEN, 1), stands(TargetState.IN_STEP, 0)),
            "it does not answer": (stands(TargetState.UNREACHABLE, 1),),
            "it refuses": (stands(TargetState.DENIED, 1),),
            "its instances do not get there": (stands(TargetState.CONVERGING, 1),),
        },
        quiet={"it is in step": (arrived, stands(TargetState.OVERRIDDEN, 0), stands(TargetState.UNREACHABLE, 0))},
        about=(place,),
        model=subject.name,
    )


def _executed(subject: Subject) -> Scenario:
    change = {
        attributes.DEPLOYMENT_CHANGE_TRIGGER: DeploymentChangeTrigger.AUTOMATIC.value,
        attributes.DEPLOYMENT_CHANGE_REASON: DeploymentChangeReason.ACCURACY.value,
    }
    back = {**subject.model, **change, attributes.DEPLOYMENT_CHANGE_TYPE: DeploymentChangeType.ROLLBACK.value}
    ahead = {**back, attributes.DEPLOYMENT_CHANGE_TYPE: DeploymentChangeType.PROMOTE.value}
    changes = metrics.DEPLOYMENT_CHANGES
    return Scenario(
        "ClinicalAIRollbackExecuted",
        fires={"one was counted": (late(changes, back),), "the first was counted": (born(changes, back),)},
        quiet={"it is long past": (level(changes, back, 2),), "a version was promoted": (late(changes, ahead),)},
        about=({**subject.model, **change},),
        model=subject.name,
    )


def _not_executed(subject: Subject) -> Scenario:
    place = {**subject.model, **in_segment(subject.segment)}
    firing: Labels = {"alertname": ROLLBACK_ALERT, "alertstate": "firing", **subject.stream}
    alert = foreign("ALERTS", firing, f"1x{LOOKS}")
    serving = subject.active()
    given = (subject.active("another"), subject.given(subject.segment), alert)

    def answered(labels: Labels, state: RollbackState) -> Series:
        return level(metrics.ROLLBACK_STATE, {**labels, attributes.ROLLBACK_STATE: state.value}, 1)

    def mode(value: RollbackMode) -> Series:
        return level(metrics.ROLLBACK_MODE, {**subject.model, attributes.ROLLBACK_MODE: value.value}, 1)

    everywhere = {**subject.model, **in_segment((AGGREGATE, AGGREGATE))}
    return Scenario(
        "ClinicalAIRollbackNotExecuted",
        fires={
            "the controller is gone": (serving, alert),
            "the controller may act and does not": (
                serving,
                alert,
                mode(RollbackMode.ENFORCE),
                answered(place, RollbackState.HEALTHY),
            ),
            "another mode left a recommendation": (
                serving,
                alert,
                mode(RollbackMode.ENFORCE),
                answered(place, RollbackState.RECOMMENDED),
            ),
            "the model was rolled back before, to this version": (
                serving,
                alert,
                mode(RollbackMode.ENFORCE),
                answered(everywhere, RollbackState.ROLLED_BACK),
            ),
            "the segment was given this version, which helped at first": (
                *given,
                mode(RollbackMode.ENFORCE),
                answered(place, RollbackState.ROLLED_BACK),
            ),
        },
        quiet={
            "the version no longer serves": (subject.active("another"), alert),
            "another segment was given this version": (subject.active("another"), subject.given(("site", "x")), alert),
            "the segment was given this version, and is watched": (*given, answered(place, RollbackState.VERIFYING)),
            "the controller only observes": (serving, alert, mode(RollbackMode.OBSERVE)),
            "the segment is in safe mode": (serving, alert, answered(place, RollbackState.SAFE_MODE)),
            "the segment alone got the previous version": (serving, alert, answered(place, RollbackState.VERIFYING)),
            "which helped, and old labels still mature": (serving, alert, answered(place, RollbackState.ROLLED_BACK)),
            "the whole model is being rolled back": (
                serving,
                alert,
                answered(everywhere, RollbackState.ROLLING_BACK),
            ),
        },
        about=(subject.stream,),
        model=subject.name,
    )


def _in_state(subject: Subject, alert: str, bad: RollbackState, good: RollbackState) -> Scenario:
    place = {**subject.model, **in_segment(subject.segment)}
    labels = {**place, attributes.ROLLBACK_STATE: bad.value}
    return Scenario(
        alert,
        fires={f"the state is {bad.value}": (level(metrics.ROLLBACK_STATE, labels, 1),)},
        quiet={
            f"the state is {good.value}": (
                level(metrics.ROLLBACK_STATE, {**place, attributes.ROLLBACK_STATE: good.value}, 1),
            ),
            "the state was left": (level(metrics.ROLLBACK_STATE, labels, 0),),
        },
        about=(labels,),
        model=subject.name,
    )


def _inconclusive(subject: Subject) -> Scenario:
    place = {**subject.model, **in_segment(subject.segment)}
    undecided = {**place, attributes.ROLLBACK_STATE: RollbackState.INCONCLUSIVE.value}
    state = level(metrics.ROLLBACK_STATE, undecided, 1)

    def firing(alert: str) -> Series:
        return foreign("ALERTS", {"alertname": alert, "alertstate": "firing", **place}, f"1x{LOOKS}")

    elsewhere = {**subject.model, **in_segment(("site", "elsewhere"))}
    other = {"alertname": ROLLBACK_ALERT, "alertstate": "firing", **elsewhere}
    return Scenario(
        "ClinicalAIRollbackInconclusive",
        fires={
            "tier 3 lasts and is not decided": (state, firing(ROLLBACK_ALERT)),
            "poor input lasts and is not decided": (state, firing(INPUT_ALERT)),
        },
        quiet={
            "the alert has ended": (state,),
            "the alert is about another segment": (state, foreign("ALERTS", other, f"1x{LOOKS}")),
            "it is decided": (level(metrics.ROLLBACK_STATE, undecided, 0), firing(ROLLBACK_ALERT)),
        },
        about=(undecided,),
        model=subject.name,
    )


def _restricted(subject: Subject) -> Scenario:
    """Return the scenario of a segment and of the whole model; both routes are counted all the time."""
    everywhere = (AGGREGATE, AGGREGATE)
    assisted = {**subject.served, attributes.ROUTING_LEVEL: RoutingLevel.ASSISTED.value}
    standard = {**assisted, attributes.ROUTING_LEVEL: RoutingLevel.STANDARD.value}

    def state(segment: tuple[str, str]) -> Labels:
        held = {attributes.ROLLBACK_STATE: RollbackState.SAFE_MODE.value}
        return {**subject.model, **in_segment(segment), **held}

    def counted(route: Labels) -> tuple[Series, ...]:
        place = {**route, **in_segment(subject.segment)}
        return growing(metrics.INFERENCES, route, 5), growing(metrics.SEGMENT_INFERENCES, place, 5)

    segment, whole = (level(metrics.ROLLBACK_STATE, state(place), 1) for place in (subject.segment, everywhere))
    places = dict.fromkeys((subject.segment, everywhere))
    return Scenario(
        "ClinicalAIReachRestricted",
        fires={"in safe mode every answer is assisted": (segment, whole, *counted(assisted))},
        quiet={
            "people released it: answers are used again": (segment, whole, *counted(standard)),
            "nothing was restricted": counted(assisted),
        },
        about=tuple(state(place) for place in places),
        model=subject.name,
    )
