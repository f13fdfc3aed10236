"""Modes that do not act note what they would do, and act on it once they may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_clinical.rollback.engine import due
from otel_clinical.semconv.enums import RollbackMode
from tests.rollback._situations import DAY, MEDICAID, NOW, Play, alert, confirmed, pointer


@pytest.mark.parametrize("mode", [RollbackMode.OBSERVE, RollbackMode.RECOMMEND])
def test_modes_that_do_not_act_note_the_same_decision(mode: RollbackMode) -> None:
    play = confirmed(Play(mode=mode))
    assert (play.only.decision, play.only.state) == ("rollback", "recommended")
    assert [i.status for i in play.state.intents.values()] == ["skipped"]
    assert due(play.terms, play.state, play.now + 1e6) == ()


def enforcing(play: Play) -> Play:
    """Let the controller be started anew, now allowed to act."""
    play.terms = replace(play.terms, mode=RollbackMode.ENFORCE)
    play.now += 10 * DAY
    return play


@pytest.mark.parametrize("mode", [RollbackMode.OBSERVE, RollbackMode.RECOMMEND])
@pytest.mark.parametrize("pulled", [True, False])
def test_what_was_only_recommended_and_still_fires_is_acted_on_once_when_the_mode_allows_it(
    mode: RollbackMode, *, pulled: bool
) -> None:
    play = enforcing(confirmed(Play(mode=mode)))
    opened = play.only.opened_at
    for _ in range(3):
        play.hear(alert(starts_at=play.now), pulled=pulled)
    assert (play.only.state, play.only.opened_at, play.only.armed_at) == ("deciding", opened, play.now)
    play.confirm(play.only, clock=play.now)
    play.make()
    for _ in range(3):
        play.hear(alert(), pulled=pulled)
    assert (play.pointer.version, play.pointer.activation, play.only.state) == ("7", 3, "converging")
    assert [intent.status for intent in play.state.intents.values()] == ["skipped", "applied"]
    assert play.actions.count("incident.reopened") == 1


def test_what_was_recommended_is_asked_through_all_guards_again() -> None:
    play = enforcing(confirmed(Play(mode=RollbackMode.OBSERVE)))
    play.hear(alert())
    play.confirm(play.only, evidence=0.4)
    assert (play.only.state, len(play.state.intents)) == ("inconclusive", 1)


def test_a_recommendation_whose_alert_is_over_is_left_alone() -> None:
    play = enforcing(confirmed(Play(mode=RollbackMode.OBSERVE)))
    play.hear(alert(firing=False))
    assert play.only.state == "recommended"
    assert due(play.terms, play.state, play.now + 1e6) == ()


def test_a_recommendation_covers_no_other_segment_once_the_controller_may_act() -> None:
    play = confirmed(Play(mode=RollbackMode.OBSERVE))
    play.hear(alert(MEDICAID))
    assert play.actions[-1] == "alert.covered"
    enforcing(play).hear(alert(MEDICAID))
    assert play.actions[-1] == "incident.opened"


def test_of_two_recommendations_the_second_is_covered_by_what_the_first_did() -> None:
    play = Play(pointer(activated_at=NOW - 40 * DAY), mode=RollbackMode.OBSERVE)
    play.hear(alert(MEDICAID))
    play.confirm(play.only, aggregate_evidence=0.0)
    whole = alert()
    play.hear(whole)
    (one,) = [i for i in play.state.incidents.values() if i.state == "deciding"]
    play.confirm(one)
    enforcing(play).hear(whole)
    play.confirm(play.state.incidents[one.id])
    play.make()
    play.hear(alert(MEDICAID))
    assert [i.state for i in play.state.incidents.values()] == ["recommended", "safe_mode"]
    assert play.pointer.route == "assisted"
