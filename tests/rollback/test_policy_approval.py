"""A policy that was changed in mode enforce calls people until two of them approve the same one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_clinical.rollback.events import ReadinessSeen
from otel_clinical.rollback.orders import POLICY, POLICY_CHANGED, Order, OrderKind, OrderRefusedError, check
from otel_clinical.semconv.enums import RollbackMode
from tests.rollback._situations import NOW, Play

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
