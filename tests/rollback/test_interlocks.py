"""What keeps the controller from acting, delays it, or takes over where nobody answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from otel_clinical.rollback import Order, OrderKind, OrderRefusedError
from otel_clinical.rollback.engine import Look, Make, due, next_due
from otel_clinical.rollback.events import ChangeRefused, HeartbeatLooked, Sampled
from otel_clinical.rollback.orders import check
from otel_clinical.semconv.enums import RollbackMode, RoutingLevel
from tests.rollback._situations import ALL, DAY, MEDICAID, NOW, Play, alert, confirmed, pointer, sample

HOUR = 3600.0


def order(play: Play, kind: OrderKind, by: str = "ana", *, about: str = "", lasts: float | None = None) -> str:
    """Let a person order something and return what the audit says of it."""
    until = None if lasts is None else play.now + lasts
    given = Order(kind, "coding", by, "maintenance", play.now, about, until)
    check(given)
    (record,) = play.happen(given).records
    return record.action


def both(play: Play, kind: OrderKind, *, about: str = "", lasts: float | None = None) -> str:
    assert order(play, kind, "ana", about=about, lasts=lasts) == "order.waits"
    return order(play, kind, "ben", about=about, lasts=lasts)


def undecided(**changes: Any) -> Play:
    play = Play(**changes)
    play.hear(alert())
    play.confirm(play.only, samples=10.0)
    assert play.only.state == "inconclusive"
    return play


def look(play: Play, after: float, **facts: Any) -> None:
    """Let time pass, the alert be heard of again, and Prometheus be asked."""
    play.now += after - 2
    play.hear(alert())
    play.confirm(play.only, **{"samples": 10.0, **facts})


def test_two_people_disarm_and_what_is_decided_is_only_recommended_and_paged() -> None:
    play = Play()
    assert both(play, OrderKind.DISARM) == "order.disarm"
    confirmed(play)
    assert (play.only.decision, play.only.state) == ("rollback", "recommended")
    assert [record for record in play.actions if record == "change.recommended"]
    assert due(play.terms, play.state, play.now + DAY) == ()


def test_one_person_twice_or_too_late_is_not_two_people() -> None:
    play = Play()
    assert order(play, OrderKind.DISARM, "ana") == "order.waits"
    assert order(play, OrderKind.DISARM, "Ana ") == "order.refused"
    play.now += HOUR + 1
    assert order(play, OrderKind.DISARM, "ben") == "order.waits"
    confirmed(play)
    assert play.only.state == "rolling_back"


def test_the_second_person_must_order_the_same() -> None:
    play = Play()
    play.state = replace(play.state, quarantined=frozenset({"7", "8"}))
    assert order(play, OrderKind.UNQUARANTINE, "ana", about="7") == "order.waits"
    assert order(play, OrderKind.UNQUARANTINE, "ben", about="8") == "order.waits"
    assert order(play, OrderKind.UNQUARANTINE, "ben", about="7") == "order.unquarantine"
    assert play.state.quarantined == {"8"}


def test_where_the_policy_names_governance_one_of_the_two_is_of_it() -> None:
    play = Play(governance=("Dr. Gray",))
    assert both(play, OrderKind.DISARM) == "order.refused"
    assert order(play, OrderKind.DISARM, "dr. gray") == "order.disarm"


def test_arming_again_acts_on_what_still_fires() -> None:
    play = Play()
    both(play, OrderKind.DISARM)
    confirmed(play)
    assert both(play, OrderKind.ARM) == "order.arm"
    play.hear(alert())
    assert play.only.state == "deciding"


def test_an_override_ends_by_itself() -> None:
    play = Play()
    both(play, OrderKind.OVERRIDE, lasts=HOUR)
    confirmed(play)
    assert play.only.state == "recommended"
    play.now += HOUR
    play.hear(alert())
    assert play.only.state == "deciding"


def test_arming_is_refused_while_promotions_are_frozen() -> None:
    play = Play()
    both(play, OrderKind.DISARM)
    assert order(play, OrderKind.FREEZE, lasts=DAY) == "order.freeze"
    assert both(play, OrderKind.ARM) == "order.refused"
    assert both(play, OrderKind.THAW) == "order.thaw"
    assert both(play, OrderKind.ARM) == "order.arm"


def test_a_freeze_of_promotions_holds_back_no_rollback() -> None:
    play = Play()
    order(play, OrderKind.FREEZE, lasts=DAY)
    confirmed(play)
    assert play.only.state == "rolling_back"


def test_frozen_rollbacks_page_again_until_somebody_answers_and_act_when_thawed() -> None:
    play = Play()
    both(play, OrderKind.FREEZE_ROLLBACK, lasts=2 * HOUR)
    confirmed(play)
    assert play.only.state == "inconclusive"
    assert "frozen by ana and ben" in play.only.reason
    assert play.only.act_at == NOW + 2 * HOUR
    pages = play.actions.count("decision.inconclusive")
    for passed, further in ((600, 0), (400, 1)):
        play.now += passed
        play.hear(alert())
        play.confirm(play.only)
        assert play.actions.count("decision.inconclusive") == pages + further
    order(play, OrderKind.ACKNOWLEDGE, about=play.only.id)
    play.now += 1000
    play.hear(alert())
    play.confirm(play.only)
    assert play.actions.count("decision.inconclusive") == pages + 1
    play.now += 2 * HOUR
    play.hear(alert())
    play.confirm(play.only)
    assert play.only.state == "rolling_back"


@pytest.mark.parametrize(
    ("kind", "about", "until"),
    [
        (OrderKind.FREEZE_ROLLBACK, "", None),
        (OrderKind.FREEZE_ROLLBACK, "", 8 * HOUR + 1),
        (OrderKind.OVERRIDE, "", None),
        (OrderKind.OVERRIDE, "", -1.0),
        (OrderKind.VETO, "coding", None),
        (OrderKind.UNQUARANTINE, "", None),
    ],
)
def test_an_order_that_nobody_may_give_is_refused(kind: OrderKind, about: str, until: float | None) -> None:
    end = None if until is None else NOW + until
    with pytest.raises(OrderRefusedError):
        check(Order(kind, "coding", "ana", "why", NOW, about, end))
    with pytest.raises(OrderRefusedError, match="who orders it and why"):
        check(Order(OrderKind.ARM, "coding", " ", "why", NOW))


def test_a_veto_in_time_stops_what_was_announced() -> None:
    play = confirmed(Play(veto=120.0))
    assert (play.only.state, play.only.act_at) == ("announced", play.now + 120)
    assert play.actions[-1] == "change.announced"
    assert due(play.terms, play.state, play.now + 119) == ()
    assert order(play, OrderKind.VETO, about=play.only.id) == "order.veto"
    assert (play.only.state, play.only.reason) == ("overridden", "vetoed by ana: maintenance")
    play.hear(alert())
    assert due(play.terms, play.state, play.now + DAY) == ()


def test_without_a_veto_the_announced_is_done_when_its_time_has_come() -> None:
    play = confirmed(Play(veto=120.0))
    play.now += 120
    assert due(play.terms, play.state, play.now) == (Make(next(iter(play.state.intents))),)
    play.make()
    assert play.pointer.version == "7"
    assert order(play, OrderKind.VETO, about=play.only.id) == "order.refused"


def test_a_person_who_activates_during_the_veto_is_never_overruled() -> None:
    play = confirmed(Play(veto=120.0))
    intent = next(iter(play.state.intents))
    play.happen(ChangeRefused(intent, replace(play.pointer, version="9", activation=3, epoch=6), certain=True))
    assert play.only.state == "overridden"


def test_one_person_can_have_the_announced_done_at_once() -> None:
    play = confirmed(Play(veto=120.0))
    assert order(play, OrderKind.APPROVE, about=play.only.id) == "order.approve"
    assert isinstance(due(play.terms, play.state, play.now)[0], Make)


@pytest.mark.parametrize("then", ["assisted", "manual"])
def test_a_question_left_open_takes_the_route_that_the_policy_says_once(then: str) -> None:
    play = undecided(then=then, then_after=600.0)
    since = play.only.undecided_since
    assert since is not None
    assert play.only.act_at == since + 600
    look(play, 590)
    assert play.only.state == "inconclusive"
    look(play, 10)
    assert play.actions.count("incident.time_is_up") == 1
    play.make()
    assert (play.pointer.route, play.pointer.version) == (then, "8")
    assert play.only.state == ("manual_route" if then == "manual" else "safe_mode")


def test_a_question_left_open_in_one_segment_takes_that_segment_alone() -> None:
    play = Play(then="manual", then_after=60.0)
    play.hear(alert(MEDICAID))
    play.confirm(play.only, samples=10.0)
    play.now += 60
    play.hear(alert(MEDICAID))
    play.happen(Sampled(play.only.id, sample(play.now, samples=10.0), play.pointer))
    play.make()
    assert play.pointer.resolve({"payer": "medicaid"}).route == "manual"
    assert play.pointer.route == "standard"


def test_a_policy_may_decide_without_the_guards_when_time_is_up_but_never_against_the_serving_version() -> None:
    play = undecided(then="rollback", then_after=60.0)
    look(play, 60)
    assert play.only.decision == "rollback"
    play = undecided(then="rollback", then_after=60.0)
    look(play, 60, active_versions=("9",))
    assert (play.only.decision, play.only.reason.startswith("left open")) == ("refused", True)


def test_by_default_people_are_only_called_again_and_not_once_they_have_answered() -> None:
    play = undecided()
    look(play, 1801)
    assert play.actions.count("incident.unanswered") == 1
    assert not play.state.intents
    order(play, OrderKind.ACKNOWLEDGE, about=play.only.id)
    look(play, 1801)
    assert play.actions.count("incident.unanswered") == 1


def test_a_veto_of_an_open_question_stops_its_timer_and_keeps_asking() -> None:
    play = undecided(then="manual", then_after=60.0)
    assert order(play, OrderKind.VETO, about=play.only.id) == "order.veto"
    look(play, 600)
    assert (play.only.state, play.only.act_at) == ("inconclusive", None)
    assert not play.state.intents


def test_an_alert_that_ends_and_fires_again_starts_the_timer_anew() -> None:
    play = undecided(then="manual", then_after=600.0)
    play.hear(alert(firing=False))
    look(play, 5000)
    assert play.only.state == "inconclusive"
    assert play.only.act_at == play.now + 600


def test_a_person_decides_what_the_guards_leave_open() -> None:
    play = undecided()
    assert order(play, OrderKind.APPROVE, about=play.only.id) == "order.approve"
    assert due(play.terms, play.state, play.now) == (Look(play.only.id),)
    play.confirm(play.only, samples=10.0)
    assert (play.only.decision, play.only.approved_by) == ("rollback", "ana")
    play.make()
    assert play.pointer.version == "7"


def test_a_person_may_carry_out_what_was_recommended() -> None:
    play = confirmed(Play(mode=RollbackMode.RECOMMEND))
    order(play, OrderKind.APPROVE, about=play.only.id)
    play.now += 60
    play.confirm(play.only)
    play.make()
    assert play.pointer.version == "7"


def test_an_approval_does_not_reach_a_version_that_serves_no_longer() -> None:
    play = undecided()
    order(play, OrderKind.APPROVE, about=play.only.id)
    play.confirm(play.only, active_versions=("9",))
    assert play.only.state == "inconclusive"
    assert not play.state.intents


def test_a_drill_is_heard_and_changes_nothing() -> None:
    play = Play()
    play.hear(alert(drill="DRILL-1"))
    assert play.actions == ["drill.heard"]
    assert not play.state.incidents


def beat(play: Play, heard: float | None) -> list[str]:
    return [record.action for record in play.happen(HeartbeatLooked(heard, play.pointer)).records]


def test_a_silent_watchdog_makes_the_controller_say_once_that_it_is_blind() -> None:
    play = Play()
    assert beat(play, play.now - 599) == []
    assert beat(play, play.now - 601) == ["controller.blind"]
    assert beat(play, play.now - 700) == []
    assert beat(play, play.now - 1) == ["controller.sees"]
    assert not play.state.incidents


def test_a_watchdog_that_was_never_heard_is_not_a_lost_one() -> None:
    assert beat(Play(), None) == []


def test_blind_for_long_the_model_takes_the_route_that_the_policy_says_once() -> None:
    play = Play(on_blind=RoutingLevel.ASSISTED, blind_after=600.0)
    heard = play.now - 601
    beat(play, heard)
    play.now += 599
    assert beat(play, heard) == []
    play.now += 1
    assert beat(play, heard) == ["incident.opened", "change.planned"]
    play.make()
    assert (play.pointer.route, play.pointer.version, play.only.state) == ("assisted", "8", "safe_mode")
    assert beat(play, heard) == []


def test_seeing_again_gives_no_reach_back() -> None:
    play = Play(pointer(route="assisted"), on_blind=RoutingLevel.ASSISTED, blind_after=0.0)
    beat(play, play.now - 601)
    beat(play, play.now - 601)
    assert not play.state.intents
    beat(play, play.now)
    assert play.pointer.route == "assisted"
    assert next_due(play.terms, play.state) is None
    assert play.state.incidents.get(ALL.name) is None
