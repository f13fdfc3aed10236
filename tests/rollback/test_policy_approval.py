"""A policy that was changed in mode enforce calls people until two of them approve the same one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback.events import ReadinessSeen
from otel_clinical.rollback.ledger import KnownGoodRules
from otel_clinical.rollback.orders import POLICY, POLICY_CHANGED, Order, OrderKind, OrderRefusedError, check
from otel_clinical.semconv.enums import RollbackMode, RollbackState, RoutingLevel
from tests.rollback._situations import NOW, Play, alert

OLD, NEW, NEWER = (f"sha256:{letter * 64}" for letter in "abc")


def started(play: Play, policy: str) -> list[tuple[str, bool]]:
    return [(r.action, r.page) for r in play.happen(ReadinessSeen((), policy=policy)).records]


def approve(play: Play, who: str, policy: str = NEW) -> str:
    order = Order(OrderKind.APPROVE_POLICY, "coding", who, "agreed on Monday", play.now, policy)
    return play.happen(order).records[0].action


@pytest.fixture
def changed() -> Play:
    play = Play()
    assert started(play, OLD) == [("controller.armed", False)]
    assert started(play, OLD) == []
    assert started(play, NEW) == [("policy.changed", True)]
    return play


def test_a_change_is_told_once_and_stands_until_two_people_approve_it(changed: Play) -> None:
    assert started(changed, NEW) == []
    assert approve(changed, "ana") == "order.waits"
    assert POLICY_CHANGED in changed.state.standing
    assert approve(changed, "ana") == "order.refused"
    assert approve(changed, "ben") == "order.approve_policy"
    assert POLICY_CHANGED not in changed.state.standing
    assert (changed.state.standing[POLICY].about, changed.state.standing[POLICY].by) == (NEW, ("ana", "ben"))
    assert started(changed, NEW) == []


def test_two_people_who_name_different_policies_approve_none(changed: Play) -> None:
    assert approve(changed, "ana", NEWER) == "order.waits"
    assert approve(changed, "ben", NEWER) == "order.refused"
    assert approve(changed, "ana", NEW) == "order.waits"
    assert POLICY_CHANGED in changed.state.standing


def test_a_policy_that_changed_again_is_told_again_and_an_approval_of_the_one_before_is_none(changed: Play) -> None:
    assert approve(changed, "ana") == "order.waits"
    assert started(changed, NEWER) == [("policy.changed", True)]
    assert approve(changed, "ben") == "order.refused"


def test_putting_the_old_file_back_ends_it(changed: Play) -> None:
    assert started(changed, OLD) == []
    assert POLICY_CHANGED not in changed.state.standing
    assert approve(changed, "ana", OLD) == "order.waits"
    assert approve(changed, "ben", OLD) == "order.refused"


def test_in_modes_that_do_not_act_nothing_has_to_be_approved() -> None:
    play = Play(mode=RollbackMode.OBSERVE)
    assert started(play, OLD) == started(play, NEW) == []
    play.terms = replace(play.terms, mode=RollbackMode.ENFORCE)
    assert started(play, NEW) == [("controller.armed", False)]


def test_a_policy_is_named_by_enough_of_its_hash_that_both_mean_the_same() -> None:
    order = Order(OrderKind.APPROVE_POLICY, "coding", "ana", "x", NOW, "sha256:bbbb")
    with pytest.raises(OrderRefusedError, match="12 characters"):
        check(order)
    check(replace(order, about="b" * 12))


@pytest.mark.parametrize(
    "change",
    [
        {"per_day": 9},
        {"minimum_samples": 1.0},
        {"minimum_coverage": 0.0},
        {"maximum_alert_age": 1e9},
        {"threshold": 0.01},
        {"attribution_window": 1e7},
        {"versions": ("8",)},
        {"then": "rollback"},
        {"then_after": 1e6},
        {"on_environment": RoutingLevel.STANDARD},
        {"known_good": KnownGoodRules(soak=1.0)},
    ],
)
def test_what_lets_it_do_more_or_cannot_be_told_is_only_recommended_until_approved(change: dict[str, Any]) -> None:
    play = Play()
    started(play, OLD)
    assert disarmed(play.state, play.now) is None
    play.terms = replace(play.terms, **change)
    assert started(play, NEW) == [("policy.changed", True)]
    held = disarmed(play.state, play.now)
    assert held is not None
    (key,) = change
    assert key in held.reason
    play.hear(alert())
    play.confirm(play.only)
    assert play.only.state is RollbackState.RECOMMENDED
    play.now += 1
    assert approve(play, "ana") == "order.waits"
    assert approve(play, "ben") == "order.approve_policy"
    assert disarmed(play.state, play.now) is None


def test_a_switch_without_guards_is_not_brought_forward_unapproved() -> None:
    play = Play(then="rollback", then_after=1_800.0)
    started(play, OLD)
    play.terms = replace(play.terms, then_after=3.0)
    started(play, NEW)
    assert disarmed(play.state, play.now) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"per_day": 0},
        {"minimum_samples": 1e6},
        {"veto": 299.0},
        {"then": "manual", "then_after": 3.0},
        {"on_blind": RoutingLevel.MANUAL},
        {"versions": ("7", "8", "9")},
        {"known_good": KnownGoodRules(soak=1e9)},
    ],
)
def test_what_only_asks_for_more_is_in_force_at_once(change: dict[str, Any]) -> None:
    play = Play()
    started(play, OLD)
    play.terms = replace(play.terms, **change)
    assert started(play, NEW) == [("policy.changed", True)]
    assert disarmed(play.state, play.now) is None


def test_two_people_cannot_arm_it_around_a_policy_that_nobody_approved() -> None:
    play = Play()
    started(play, OLD)
    play.terms = replace(play.terms, per_day=9)
    started(play, NEW)
    for person, action in (("ana", "order.waits"), ("ben", "order.refused")):
        order = Order(OrderKind.ARM, "coding", person, "we want it", play.now)
        assert play.happen(order).records[0].action == action
    assert disarmed(play.state, play.now) is not None


def test_where_it_is_not_known_what_was_agreed_on_nothing_is_done() -> None:
    play = Play()
    started(play, OLD)
    known = replace(play.state.standing[POLICY], agreed="")
    play.state = replace(play.state, standing={**play.state.standing, POLICY: known})
    started(play, NEW)
    assert disarmed(play.state, play.now) is not None
    started(play, OLD)
    assert disarmed(play.state, play.now) is None
    started(play, NEW)
    assert disarmed(play.state, play.now) is None, "by now it was noted what the old one says"
