"""Act only once that was earned, or two people say so: mode `enforce` alone does not arm the controller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otel_clinical.rollback._records import Record, Setting, Step
from otel_clinical.rollback.orders import ARMED, NOT_READY, POLICY, POLICY_CHANGED, POLICY_LOOSER, Standing
from otel_clinical.rollback.stricter import agreed, looser
from otel_clinical.semconv.enums import RollbackMode

if TYPE_CHECKING:
    from otel_clinical.rollback.events import ReadinessSeen
    from otel_clinical.rollback.state import ModelState


def judged(setting: Setting, state: ModelState, event: ReadinessSeen) -> Step:
    """Arm what is ready, and keep from acting what is not; what is armed stays so until its mode goes back."""
    if setting.terms.mode is not RollbackMode.ENFORCE:
        kept = _without(state, ARMED, NOT_READY, POLICY, POLICY_CHANGED, POLICY_LOOSER)
        return Step(state if kept == dict(state.standing) else replace(state, standing=kept))
    first = _by_policy(setting, state, event.policy) if event.policy else Step(state)
    second = _by_readiness(setting, first.state, event)
    return Step(second.state, (*first.records, *second.records))


def _by_readiness(setting: Setting, state: ModelState, event: ReadinessSeen) -> Step:
    if ARMED in state.standing:
        return Step(state)
    if event.acted and NOT_READY not in state.standing:
        return _armed(setting, state, "it acted before readiness was asked for", event)
    if not event.unmet:
        return _armed(setting, state, "every condition is met", event)
    # The figures of a condition change every hour; people are told again when others are missing.
    missing = ", ".join(condition.partition(":")[0] for condition in event.unmet)
    known = state.standing.get(NOT_READY)
    if known is not None and known.about == missing:
        return Step(state)
    standing = Standing(NOT_READY, missing, ("controller",), "; ".join(event.unmet), setting.now)
    record = Record("controller.not_ready", setting.terms.model, {"unmet": list(event.unmet)}, page=known is None)
    return Step(replace(state, standing={**state.standing, NOT_READY: standing}), (record,))


def _by_policy(setting: Setting, state: ModelState, found: str) -> Step:
    """Call people where a model that may be acted on is run by another policy than the one that was approved.

    Where it lets the controller do more, or where that cannot be told, nothing is done until they approve it.
    """
    known, changed = state.standing.get(POLICY), state.standing.get(POLICY_CHANGED)
    by, now, terms = ("controller",), setting.now, agreed(setting.terms)
    if known is None:
        first = Standing(POLICY, found, by, "in force when it came to mode enforce", now, agreed=terms)
        return Step(replace(state, standing={**state.standing, POLICY: first}))
    if found == known.about:
        kept = _without(state, POLICY_CHANGED, POLICY_LOOSER)
        # One that was approved before anybody noted what it says, is noted now.
        kept = kept if known.agreed else {**kept, POLICY: replace(known, agreed=terms)}
        return Step(state if kept == dict(state.standing) else replace(state, standing=kept))
    if changed is not None and changed.about == found:
        return Step(state)
    reason = f"{found} in place of {known.about}, and two people have not approved it"
    more = looser(known.agreed, terms)
    standing = {
        **_without(state, POLICY_LOOSER),
        POLICY_CHANGED: Standing(POLICY_CHANGED, found, by, reason, now, agreed=terms),
    }
    if more:
        because = f"the changed policy may let it do more, until two people approve it: {', '.join(more)}"
        standing[POLICY_LOOSER] = Standing(POLICY_LOOSER, found, by, because, now)
    data = {"policy": found, "approved": known.about, "looser": list(more)}
    return Step(replace(state, standing=standing), (Record("policy.changed", setting.terms.model, data, page=True),))


def _armed(setting: Setting, state: ModelState, why: str, event: ReadinessSeen) -> Step:
    standing = Standing(ARMED, "", ("controller",), why, setting.now)
    record = Record("controller.armed", setting.terms.model, {"why": why, "unmet": list(event.unmet)})
    return Step(replace(state, standing={**_without(state, NOT_READY), ARMED: standing}), (record,))


def _without(state: ModelState, *keys: str) -> dict[str, Standing]:
    return {key: order for key, order in state.standing.items() if key not in keys}
