"""Act only once that was earned, or two people say so: mode `enforce` alone does not arm the controller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otel_clinical.rollback._records import Record, Setting, Step
from otel_clinical.rollback.orders import ARMED, NOT_READY, Standing
from otel_clinical.semconv.enums import RollbackMode

if TYPE_CHECKING:
    from otel_clinical.rollback.events import ReadinessSeen
    from otel_clinical.rollback.state import ModelState


def judged(setting: Setting, state: ModelState, event: ReadinessSeen) -> Step:
    """Arm what is ready, and keep from acting what is not; what is armed stays so until its mode goes back."""
    mode, model = setting.terms.mode, setting.terms.model
    if mode is not RollbackMode.ENFORCE:
        kept = _without(state)
        return Step(state if kept == dict(state.standing) else replace(state, standing=kept))
    if ARMED in state.standing:
        return Step(state)
    if event.acted and NOT_READY not in state.standing:
        return _armed(setting, state, "it acted before readiness was asked for", event)
    if not event.unmet:
        return _armed(setting, state, "every condition is met", event)
    if NOT_READY in state.standing:
        return Step(state)
    standing = Standing(NOT_READY, "", ("controller",), "; ".join(event.unmet), setting.now)
    record = Record("controller.not_ready", model, {"unmet": list(event.unmet)}, page=True)
    return Step(replace(state, standing={**state.standing, NOT_READY: standing}), (record,))


def _armed(setting: Setting, state: ModelState, why: str, event: ReadinessSeen) -> Step:
    standing = Standing(ARMED, "", ("controller",), why, setting.now)
    record = Record("controller.armed", setting.terms.model, {"why": why, "unmet": list(event.unmet)})
    return Step(replace(state, standing={**_without(state), ARMED: standing}), (record,))


def _without(state: ModelState) -> dict[str, Standing]:
    return {key: order for key, order in state.standing.items() if key not in {ARMED, NOT_READY}}
