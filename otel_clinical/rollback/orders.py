"""What people may tell the controller, and which of it needs two of them."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 -- the store's codec resolves it at run time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class OrderKind(StrEnum):
    """An order about an incident, a version, or the model."""

    ACKNOWLEDGE = "acknowledge"
    VETO = "veto"
    APPROVE = "approve"
    ARM = "arm"
    DISARM = "disarm"
    OVERRIDE = "override"
    FREEZE = "freeze"
    THAW = "thaw"
    FREEZE_ROLLBACK = "freeze_rollback"
    LIFT = "lift"
    APPROVE_POLICY = "approve_policy"
    FORCE_MANUAL = "force_manual"
    END_FORCE = "end_force"
    UNQUARANTINE = "unquarantine"
    REGISTER = "register"
    KNOWN_GOOD = "known_good"
    QUARANTINE = "quarantine"
    RETIRE = "retire"
    ROLLBACK = "rollback"
    ACTIVATE = "activate"
    SMOKE = "smoke"


ABOUT_INCIDENTS: Final = frozenset({OrderKind.ACKNOWLEDGE, OrderKind.VETO, OrderKind.APPROVE})
ABOUT_VERSIONS: Final = frozenset(
    {OrderKind.REGISTER, OrderKind.KNOWN_GOOD, OrderKind.QUARANTINE, OrderKind.RETIRE, OrderKind.SMOKE}
)
TWO_PEOPLE: Final = frozenset(
    {
        OrderKind.ARM,
        OrderKind.DISARM,
        OrderKind.OVERRIDE,
        OrderKind.THAW,
        OrderKind.FREEZE_ROLLBACK,
        OrderKind.UNQUARANTINE,
        OrderKind.LIFT,
        OrderKind.END_FORCE,
        OrderKind.APPROVE_POLICY,
    }
)
"""Orders that leave patients with less protection or give the AI more reach: never one person's decision."""
CARRIED_OUT: Final = frozenset({OrderKind.LIFT, OrderKind.FORCE_MANUAL, OrderKind.END_FORCE, OrderKind.ACTIVATE})
"""Orders that change files beside the controller, which it does as soon as they stand."""
ARMED: Final = "armed"
NOT_READY: Final = "not_ready"
"""What stands of a model in mode enforce: it may act, or conditions for that are not met."""
POLICY: Final = "policy"
POLICY_CHANGED: Final = "policy_changed"
POLICY_LOOSER: Final = "policy_looser"
"""What stands of the policy that a model in mode enforce is run by: its hash, and that of one nobody approved yet."""
SHORTEST_HASH: Final = 12
"""Characters of a policy's hash, behind `sha256:`, that name it."""
ENDS: Final = {
    OrderKind.FREEZE_ROLLBACK: 8 * 3_600.0,
    OrderKind.OVERRIDE: 30 * 86_400.0,
    OrderKind.FREEZE: 30 * 86_400.0,
}
"""Orders that must say when they end, and the longest they may stand, in seconds."""
_RECORD_NUMBER: Final = re.compile(r"\d[\d \-./]{4,}\d")
WAIT_FOR_SECOND: Final = 3_600.0
"""Seconds for which the first of two people's orders waits for the second."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one person ordered. `about` is an incident's id or a version, empty for the model; times in Unix seconds.

    `facts` are what is registered of a version, how its golden set went, or what the controller adds of the moment it
    takes the order up; `method` is how the person was known.
    """

    kind: OrderKind
    model: str
    by: str
    reason: str
    at: float
    about: str = ""
    until: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    method: str = "state directory"


@dataclass(frozen=True, slots=True)
class Standing:
    """An order that stands until it ends or is lifted, or (`in_force` False) waits for a second person.

    `agreed` is what a policy lets the controller do, as `stricter.agreed` returns it.
    """

    kind: str
    about: str
    by: tuple[str, ...]
    reason: str
    since: float
    until: float | None = None
    in_force: bool = True
    agreed: str = ""

    def stands(self, now: float) -> bool:
        """Tell whether it has force at `now`."""
        return self.in_force and (self.until is None or now < self.until)


class OrderRefusedError(ValueError):
    """An order cannot be given so; the message says what would be allowed."""


def may_name_a_patient(text: str) -> bool:
    """Tell whether words of a person hold a long number, a date or an address, which may be a patient's.

    >>> may_name_a_patient("planned work"), may_name_a_patient("MRN 004711-22"), may_name_a_patient("a@b")
    (False, True, True)
    """
    return bool(_RECORD_NUMBER.search(text)) or "@" in text


def check_reason(reason: str) -> None:
    """Raise `OrderRefusedError` for a reason that may be about a patient."""
    if may_name_a_patient(reason):
        raise OrderRefusedError(
            "the reason holds a long number, a date or an address, which may be a patient's; nothing was stored. "
            "Write it without: the audit is kept for years"
        )


def check(order: Order) -> None:
    """Raise `OrderRefusedError` for an order that nobody may give so."""
    if not order.by.strip() or not order.reason.strip():
        raise OrderRefusedError(f"{order.kind}: say who orders it and why")
    check_reason(order.reason)
    if (order.kind in ABOUT_INCIDENTS) and not order.about.startswith("INC-"):
        raise OrderRefusedError(f"{order.kind}: name the incident, as `otel-clinical rollback status` lists it")
    if order.kind in {*ABOUT_VERSIONS, OrderKind.UNQUARANTINE, OrderKind.ACTIVATE} and not order.about:
        raise OrderRefusedError(f"{order.kind}: name the version")
    if order.kind is OrderKind.LIFT and not order.about:
        raise OrderRefusedError("lift: name the marker of the rules, or `route` for the route of the whole model")
    if order.kind is OrderKind.APPROVE_POLICY and len(order.about.removeprefix("sha256:")) < SHORTEST_HASH:
        raise OrderRefusedError(
            f"approve_policy: name the policy by {SHORTEST_HASH} characters of its hash or more, as `otel-clinical "
            "check` prints it, so that both approve the same"
        )
    longest = ENDS.get(order.kind)
    if longest is None:
        return
    if order.until is None or not order.at < order.until <= order.at + longest:
        raise OrderRefusedError(f"{order.kind}: say for how long, at most {longest / 3600:g} h from now")
