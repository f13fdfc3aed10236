"""Take up what people ordered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from otel_clinical.rollback._records import Record, Setting, Step, close, put
from otel_clinical.rollback._releasing import released
from otel_clinical.rollback.alerts import AGGREGATE, Cause
from otel_clinical.rollback.orders import (
    ABOUT_VERSIONS,
    ARMED,
    CARRIED_OUT,
    NOT_READY,
    POLICY,
    POLICY_CHANGED,
    POLICY_LOOSER,
    TWO_PEOPLE,
    WAIT_FOR_SECOND,
    Order,
    OrderKind,
    Standing,
)
from otel_clinical.rollback.state import ANNOUNCED, UNDECIDED, Incident, IntentStatus, Key, ModelState
from otel_clinical.semconv.enums import RollbackState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.rollback.terms import Terms


def ordered(setting: Setting, state: ModelState, order: Order) -> Step:
    """Do what a person ordered, or note why it is not done."""
    if order.kind in ABOUT_VERSIONS:
        return released(setting, state, order)
    if order.kind not in TWO_PEOPLE:
        alone = {
            OrderKind.ACKNOWLEDGE: _acknowledged,
            OrderKind.VETO: _vetoed,
            OrderKind.APPROVE: _approved,
            OrderKind.ROLLBACK: _back,
        }.get(order.kind)
        return alone(setting, state, order) if alone else _standing(setting, state, order, (order.by.strip(),))
    first = _first(setting, state, order)
    if first is None:
        return _waits(setting, state, order)
    people = (*first.by, order.by.strip())
    problem = _not_enough(setting.terms, people)
    if problem:
        return _refused(state, order, problem)
    return _standing(setting, _without(state, _waiting(order)), order, people)


def _not_enough(terms: Terms, people: tuple[str, ...]) -> str:
    """Say why two names are not the two people it takes, or return an empty string."""
    names = {name.casefold() for name in people}
    if len(names) < len(people):
        return "a second person must order it, not the first one again"
    governance = {name.casefold() for name in terms.governance}
    if governance and not governance & names:
        return "one of the two must be of clinical governance, as the policy names them"
    return ""


def in_force(state: ModelState, kind: OrderKind, now: float) -> Standing | None:
    """Return the order of a kind that stands, or None."""
    found = state.standing.get(kind.value)
    return found if found is not None and found.stands(now) else None


def disarmed(state: ModelState, now: float) -> Standing | None:
    """Return what keeps the controller from acting, or None.

    An order of people, a policy that lets it do more than was agreed on, or that it has not earned it.
    """
    ordered = in_force(state, OrderKind.DISARM, now) or in_force(state, OrderKind.OVERRIDE, now)
    return ordered or state.standing.get(POLICY_LOOSER) or state.standing.get(NOT_READY)


def _acknowledged(setting: Setting, state: ModelState, order: Order) -> Step:
    incident = state.incidents.get(order.about)
    if incident is None:
        return _refused(state, order, "there is no such incident")
    if incident.acknowledged_at is not None:
        return _refused(state, order, f"{incident.acknowledged_by} has acknowledged it already")
    known = replace(incident, acknowledged_at=setting.now, acknowledged_by=order.by)
    return _taken(put(state, known), order, (order.by,))


def _vetoed(setting: Setting, state: ModelState, order: Order) -> Step:
    """Let any person stop an action that is announced, or the one an open question leads to."""
    incident = state.incidents.get(order.about)
    if incident is None:
        return _refused(state, order, "there is no such incident")
    if incident.state is ANNOUNCED and (intent := state.planned(incident.id)) is not None:
        closed = close(incident, RollbackState.OVERRIDDEN, setting.now, f"vetoed by {order.by}: {order.reason}")
        stopped = replace(intent, status=IntentStatus.SUPERSEDED)
        return _taken(put(state, closed, stopped), order, (order.by,), {"intent": intent.id})
    if incident.state in UNDECIDED:
        return _taken(put(state, replace(incident, vetoed_by=order.by, approved_by="")), order, (order.by,))
    return _refused(state, order, f"nothing is announced: the incident is {incident.state}")


def _approved(setting: Setting, state: ModelState, order: Order) -> Step:
    """Let one person take a decision the machine does not: it is looked at once more, and then made."""
    incident = state.incidents.get(order.about)
    if incident is None:
        return _refused(state, order, "there is no such incident")
    if incident.state is ANNOUNCED:
        return _taken(put(state, replace(incident, next_at=setting.now)), order, (order.by,))
    recommended = incident.state is RollbackState.RECOMMENDED
    if incident.state not in UNDECIDED and not recommended:
        return _refused(state, order, f"there is nothing to approve: the incident is {incident.state}")
    approved = replace(
        incident,
        state=RollbackState.DECIDING,
        approved_by=order.by,
        vetoed_by="",
        next_at=setting.now,
        closed_at=None,
        armed_at=setting.now if recommended else incident.armed_at,
    )
    return _taken(put(state, approved), order, (order.by,))


def _back(setting: Setting, state: ModelState, order: Order) -> Step:
    """Let one person have the known good version back, whatever the figures say: it only ever takes reach away."""
    if problem := order.facts.get("problem"):
        return _refused(state, order, problem)
    key = Key(order.model, Cause.ORDERED, AGGREGATE, int(order.facts["activation"]))
    if key.id in state.incidents:
        return _refused(state, order, f"that was ordered already: {key.id}")
    now = setting.now
    incident = Incident(
        key=key,
        version=order.facts["version"],
        alert="order",
        opened_at=now,
        starts_at=now,
        last_seen=now,
        next_at=now,
        firing=False,
        reason=order.reason,
        approved_by=order.by,
    )
    opened = Record("incident.opened", incident.id, {"alert": "order", "activation": key.activation})
    taken = _taken(put(state, incident), replace(order, about=incident.id), (order.by,))
    return Step(taken.state, (opened, *taken.records))


def _standing(setting: Setting, state: ModelState, order: Order, people: tuple[str, ...]) -> Step:
    """Let an order about the model stand, or end the one it undoes."""
    now = setting.now
    if order.kind in CARRIED_OUT:
        return _taken(state, order, people)
    if order.kind is OrderKind.ARM:
        return _armed(state, order, people, now)
    undoing = {OrderKind.UNQUARANTINE: _unquarantined, OrderKind.APPROVE_POLICY: _approved_policy}.get(order.kind)
    if undoing is not None:
        return undoing(state, order, people)
    if order.kind is OrderKind.THAW:
        return _thawed(state, order, people, now)
    standing = Standing(order.kind.value, order.about, people, order.reason, now, order.until)
    state = replace(state, standing={**state.standing, order.kind.value: standing})
    return _taken(state, order, people)


def _thawed(state: ModelState, order: Order, people: tuple[str, ...], now: float) -> Step:
    undone = (OrderKind.FREEZE, OrderKind.FREEZE_ROLLBACK)
    if not any(in_force(state, kind, now) for kind in undone):
        return _refused(state, order, "no such order stands")
    return _taken(_without(state, *undone), order, people)


def _approved_policy(state: ModelState, order: Order, people: tuple[str, ...]) -> Step:
    """Let the policy that the controller is run by be the approved one, where two people name the same."""
    changed = state.standing.get(POLICY_CHANGED)
    if changed is None:
        return _refused(state, order, "no policy waits to be approved")
    if not changed.about.removeprefix("sha256:").startswith(order.about.removeprefix("sha256:")):
        return _refused(state, order, f"the controller is run by {changed.about}, not by that one")
    approved = Standing(POLICY, changed.about, people, order.reason, order.at, agreed=changed.agreed)
    kept = _without(state, POLICY_CHANGED, POLICY_LOOSER)
    return _taken(replace(kept, standing={**kept.standing, POLICY: approved}), order, people)


def _unquarantined(state: ModelState, order: Order, people: tuple[str, ...]) -> Step:
    kept = frozenset(pair for pair in state.quarantined_in if pair[0] != order.about)
    if order.about not in state.quarantined and kept == state.quarantined_in:
        return _refused(state, order, f"version {order.about} is not quarantined")
    state = replace(state, quarantined=state.quarantined - {order.about}, quarantined_in=kept)
    return _taken(state, order, people)


def _armed(state: ModelState, order: Order, people: tuple[str, ...], now: float) -> Step:
    """Let the controller act: people may say so whatever its readiness."""
    if in_force(state, OrderKind.FREEZE, now):
        return _refused(state, order, "promotions and arming are frozen; thaw first")
    if problem := order.facts.get("problem"):
        return _refused(state, order, problem)
    held = disarmed(state, now)
    if held is None:
        return _refused(state, order, "no such order stands")
    if held.kind == POLICY_LOOSER and NOT_READY not in state.standing:
        return _refused(state, order, f"approve the policy {held.about} instead: {held.reason}")
    kept = _without(state, OrderKind.DISARM, OrderKind.OVERRIDE, NOT_READY)
    if NOT_READY in state.standing:
        armed = Standing(ARMED, "", people, order.reason, now)
        kept = replace(kept, standing={**kept.standing, ARMED: armed})
    return _taken(kept, order, people, {"ended": held.kind, "because": held.reason})


def _first(setting: Setting, state: ModelState, order: Order) -> Standing | None:
    """Return the first of two people's orders, if it is the same one and still waits."""
    found = state.standing.get(_waiting(order))
    if found is None or setting.now - found.since > WAIT_FOR_SECOND:
        return None
    return found


def _waits(setting: Setting, state: ModelState, order: Order) -> Step:
    waiting = Standing(order.kind.value, order.about, (order.by.strip(),), order.reason, setting.now, in_force=False)
    state = replace(state, standing={**state.standing, _waiting(order): waiting})
    return Step(state, (Record("order.waits", order.about or order.model, _data(order, (order.by,))),))


def _waiting(order: Order) -> str:
    return f"{order.kind}?{order.about}"


def _without(state: ModelState, *keys: str) -> ModelState:
    return replace(state, standing={key: order for key, order in state.standing.items() if key not in keys})


def _taken(state: ModelState, order: Order, people: tuple[str, ...], more: Mapping[str, str] | None = None) -> Step:
    data = {**_data(order, people), **(more or {})}
    return Step(state, (Record(f"order.{order.kind}", order.about or order.model, data),))


def _refused(state: ModelState, order: Order, problem: str) -> Step:
    data = {**_data(order, (order.by,)), "problem": problem}
    return Step(state, (Record("order.refused", order.about or order.model, data),))


def _data(order: Order, people: tuple[str, ...]) -> dict[str, object]:
    return {
        "order": order.kind,
        "model": order.model,
        "by": list(people),
        "reason": order.reason,
        "until": order.until,
        "given_at": order.at,
        "method": order.method,
    }
