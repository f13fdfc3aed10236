"""Mode enforce does not let the controller act: readiness does, or two people."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.rollback._ordered import disarmed
from otel_clinical.rollback.events import ReadinessSeen
from otel_clinical.rollback.orders import ARMED, NOT_READY, Order, OrderKind
from otel_clinical.rollback.store import Store
from otel_clinical.rollback.watching import EVERY, LONGEST
from otel_clinical.semconv.enums import RollbackMode
from tests.rollback._controller import Controller, alert, fill_ledger, notification
from tests.rollback._prometheus import degraded
from tests.rollback._situations import NOW, Play, confirmed

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

UNMET = ReadinessSeen(("watched for 14 days without acting: 2.0 days",))


def arm(play: Play, *people: str) -> list[str]:
    kinds = [Order(OrderKind.ARM, "coding", person, "we accept that", play.now) for person in people]
    return [record.action for order in kinds for record in play.happen(order).records]


def test_a_controller_that_has_not_earned_it_recommends_and_calls_people() -> None:
    play = Play()
    (record,) = play.happen(UNMET).records
    assert (record.action, record.page) == ("controller.not_ready", True)
    assert play.happen(UNMET).records == ()
    confirmed(play)
    assert (play.only.decision, play.only.state, play.pointer.version) == ("rollback", "recommended", "8")


def test_two_people_let_it_act_all_the_same_and_one_does_not() -> None:
    play = Play()
    play.happen(UNMET)
    assert arm(play, "ana", "ana") == ["order.waits", "order.refused"]
    assert NOT_READY in play.state.standing
    assert arm(play, "ben") == ["order.arm"]
    assert play.state.standing[ARMED].by == ("ana", "ben")
    play.happen(UNMET)
    assert disarmed(play.state, play.now) is None
    assert confirmed(play).only.state == "rolling_back"


def test_it_is_armed_once_everything_is_shown_and_stays_so_when_a_drill_is_long_past() -> None:
    play = Play()
    play.happen(UNMET)
    assert [r.action for r in play.happen(ReadinessSeen(())).records] == ["controller.armed"]
    assert play.happen(UNMET).records == ()
    assert disarmed(play.state, play.now) is None


def test_going_back_to_observe_asks_anew() -> None:
    play = Play()
    play.happen(ReadinessSeen(()))
    play.terms = replace(play.terms, mode=RollbackMode.OBSERVE)
    play.happen(UNMET)
    assert dict(play.state.standing) == {}
    play.terms = replace(play.terms, mode=RollbackMode.ENFORCE)
    assert [r.action for r in play.happen(UNMET).records] == ["controller.not_ready"]


def test_a_controller_that_acted_before_readiness_was_asked_for_goes_on() -> None:
    play = Play()
    assert [r.action for r in play.happen(replace(UNMET, acted=True)).records] == ["controller.armed"]
    refused = Play()
    refused.happen(UNMET)
    assert refused.happen(replace(UNMET, acted=True)).records == ()


def test_what_people_disarmed_stays_disarmed_whatever_was_earned() -> None:
    play = Play()
    for person in ("ana", "ben"):
        play.happen(Order(OrderKind.DISARM, "coding", person, "new forms", play.now))
    play.happen(ReadinessSeen(()))
    found = disarmed(play.state, play.now)
    assert found is not None
    assert found.kind == "disarm"


@pytest.mark.parametrize(
    ("after", "told"), [(EVERY, []), (LONGEST, []), (LONGEST + 1, ["watch.resumed"]), (86_400.0, ["watch.resumed"])]
)
def test_time_without_a_look_is_written_down(tmp_path: Path, after: float, told: list[str]) -> None:
    with closing(Store(tmp_path)) as store:
        store.watch("coding", NOW)
        store.watch("coding", NOW + after)
        assert store.watched("coding") == NOW + after
        events = store.audit_events(0, 10)
    assert [event.action for event in events] == ["watch.began", *told]
    if told:
        assert events[-1].data["missed"] == after


def test_a_running_controller_in_enforce_does_not_act_before_two_people_say_so(
    prometheus: FakePrometheus, terms: Terms, tmp_path: Path
) -> None:
    observing = replace(terms, mode=RollbackMode.OBSERVE)
    fill_ledger(tmp_path / "state", observing)
    controller = Controller(tmp_path, prometheus.url, ("--pull=0.2", "--retry=0.2", "--watch=0.1"))
    controller.start()
    try:
        labels = degraded(prometheus, baseline=terms.baseline_hash, change_point=time.time() - 30)
        controller.post(notification(alert(labels)))
        controller.wait_state("recommended", within=60)
        assert controller.pointer().version == "8"
        with closing(Store(tmp_path / "state")) as store:
            for person in ("ana", "ben"):
                store.order(Order(OrderKind.ARM, "coding", person, "we accept that", time.time()))
        controller.wait_state("converging", "verifying", within=60)
        assert controller.pointer().version == "7"
        actions = [event["action"] for event in controller.get("/v1/audit")["events"]]
        assert {"controller.not_ready", "order.arm", "incident.reopened", "watch.began"} <= set(actions)
    finally:
        controller.process.stop()
