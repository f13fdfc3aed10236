"""Notice that nobody would tell: the watchdog of the alerting path has fallen silent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_clinical.release import most_restrictive
from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback._planning import plan
from otel_clinical.rollback._records import Record, Setting, Step
from otel_clinical.rollback.alerts import AGGREGATE, Cause
from otel_clinical.rollback.orders import Standing
from otel_clinical.rollback.state import Incident, Key, ModelState
from otel_clinical.rollback.targets import Change
from otel_clinical.semconv.enums import RollbackDecision, RoutingLevel, RoutingReason

if TYPE_CHECKING:
    from otel_clinical.release import ReleasePointer
    from otel_clinical.rollback.events import HeartbeatLooked

BLIND: Final = "blind"


def looked(setting: Setting, state: ModelState, event: HeartbeatLooked) -> Step:
    """Note that the heartbeat is lost or is back; where the policy says so, people take over after a while.

    A watchdog that was never heard is not a lost one: whether it is set up is what `doctor` checks.
    """
    since = state.standing.get(BLIND)
    lost = event.heard is not None and setting.now - event.heard > setting.terms.heartbeat_silence
    if not lost:
        return Step(state) if since is None else _sees(setting, state, since)
    if since is None:
        return _lost(setting, state, event.heard or 0.0)
    terms = setting.terms
    if terms.on_blind is None or setting.now < since.since + terms.blind_after or event.pointer is None:
        return Step(state)
    return _contain(setting, state, event.pointer, terms.on_blind)


def _lost(setting: Setting, state: ModelState, heard: float) -> Step:
    silent = setting.now - heard
    blind = Standing(BLIND, "", ("controller",), f"no heartbeat for {silent:.0f} s", setting.now)
    data = {"heard": heard, "silent": round(silent, 1), "longest": setting.terms.heartbeat_silence}
    record = Record("controller.blind", setting.terms.model, data, page=True)
    return Step(replace(state, standing={**state.standing, BLIND: blind}), (record,))


def _sees(setting: Setting, state: ModelState, since: Standing) -> Step:
    kept = {key: order for key, order in state.standing.items() if key != BLIND}
    data = {"seconds": round(setting.now - since.since, 1)}
    return Step(replace(state, standing=kept), (Record("controller.sees", setting.terms.model, data),))


def _contain(setting: Setting, state: ModelState, pointer: ReleasePointer, route: RoutingLevel) -> Step:
    """Put the model on the safer route, once per activation; only people take it back."""
    key = Key(setting.terms.model, Cause.BLIND, AGGREGATE, pointer.activation)
    strict = most_restrictive((pointer.route, route)) == pointer.route
    if key.id in state.incidents or strict or state.changing or disarmed(state, setting.now):
        return Step(state)
    now = setting.now
    incident = Incident(
        key=key,
        version=pointer.version,
        alert="heartbeat",
        opened_at=now,
        starts_at=now,
        last_seen=now,
        firing=False,
        decision=RollbackDecision.REFUSED if route is RoutingLevel.MANUAL else RollbackDecision.SAFE_MODE,
        cause="unknown",
        reason="the alerting path is silent: a degradation would not be heard of",
    )
    opened = Record("incident.opened", incident.id, {"alert": "heartbeat", "activation": pointer.activation})
    planned = plan(setting, state, incident, Change(RoutingReason.OTHER, route=route), pointer)
    return Step(planned.state, (opened, *planned.records))
