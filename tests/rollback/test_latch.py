"""Alerts repeat, resolve and overlap; the engine decides once, and never against a person."""

from __future__ import annotations

from dataclasses import replace

from otel_clinical.rollback.engine import Look, Make, due, next_due
from otel_clinical.rollback.events import ChangeRefused, Sampled, TargetUnreachable
from tests.rollback._situations import DAY, MEDICAID, NOW, Play, alert, confirmed, hold, pointer, sample


def test_an_alert_for_another_version_is_stale_and_changes_nothing() -> None:
    play = Play()
    before = play.state
    play.hear(alert(version="7"))
    assert play.state == before
    assert play.actions == ["alert.stale"]


def test_duplicates_are_recorded_and_plan_nothing_further() -> None:
    play = confirmed(Play())
    for _ in range(5):
        play.hear(alert())
        play.happen(Sampled(play.only.id, sample(play.now), play.pointer))
    assert len(play.state.intents) == 1
    play.make()
    play.hear(alert())
    assert len(play.state.incidents) == len(play.state.intents) == 1


def test_alerts_of_other_segments_are_covered_while_the_model_is_rolled_back() -> None:
    play = confirmed(Play())
    play.hear(alert(MEDICAID))
    assert play.actions[-1] == "alert.covered"
    assert len(play.state.incidents) == 1


def test_a_rule_that_stands_covers_its_segment_under_a_later_version() -> None:
    play = confirmed(Play(pointer(activated_at=NOW - 20 * DAY)), alert(MEDICAID), aggregate_evidence=0.0)
    play.make()
    play.pointer = replace(play.pointer, version="9", activation=3, epoch=9)
    play.hear(alert(MEDICAID, version="9"))
    assert play.actions[-1] == "alert.covered"


def test_a_second_incident_waits_until_the_first_change_is_made() -> None:
    play = Play(pointer(activated_at=NOW - 20 * DAY))
    play.hear(alert(MEDICAID))
    play.hear(hold())
    first, second = play.state.incidents.values()
    play.confirm(first, aggregate_evidence=0.0)
    play.confirm(second)
    assert len(play.state.intents) == 1
    play.make()
    play.now += 2
    play.happen(Sampled(second.id, sample(play.now), play.pointer))
    play.make()
    assert len(play.pointer.rules) == 2


def test_a_failing_guard_delays_and_never_cancels() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, samples=10.0)
    assert play.only.state == "inconclusive"
    assert "sample" in play.only.reason
    assert due(play.terms, play.state, play.now) == ()
    assert due(play.terms, play.state, play.now + 15) == (Look(play.only.id),)
    play.now += 15
    play.confirm(play.only)
    assert play.only.decision == "rollback"


def test_an_undecided_incident_is_audited_when_its_guards_change_not_at_every_look() -> None:
    play = Play()
    play.hear(alert())
    for _ in range(10):
        play.confirm(play.only, samples=10.0)
        play.now += 15
    assert play.actions.count("decision.inconclusive") == 1
    play.confirm(play.only, samples=None)
    assert play.actions.count("decision.inconclusive") == 2
    assert play.only.attempts >= 11


def test_a_resolved_alert_pauses_an_undecided_incident_and_firing_again_resumes_it() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, samples=10.0)
    play.hear(alert(firing=False))
    assert due(play.terms, play.state, play.now + 600) == ()
    play.hear(alert())
    assert due(play.terms, play.state, play.now) == (Look(play.only.id),)


def test_resolved_never_leaves_a_decided_state() -> None:
    play = confirmed(Play())
    play.make()
    before = play.only.state
    play.hear(alert(firing=False))
    assert play.only.state == before


def test_an_alert_nobody_speaks_of_any_more_is_not_looked_at() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, samples=10.0)
    late = play.only.last_seen + play.terms.maximum_alert_age
    assert next_due(play.terms, play.state) is not None
    play.now = late - 1
    play.confirm(play.only, samples=10.0)
    assert next_due(play.terms, play.state) is None
    play.hear(alert(), pulled=True)
    assert next_due(play.terms, play.state) is not None


def test_an_incident_becomes_stale_when_another_version_was_activated() -> None:
    play = Play()
    play.hear(alert())
    play.pointer = replace(play.pointer, version="9", activation=3, epoch=6)
    play.confirm(play.only)
    assert play.only.state == play.only.decision == "stale"
    assert not play.state.intents


def test_a_human_who_activates_another_version_first_is_never_overruled() -> None:
    play = confirmed(Play())
    intent = next(iter(play.state.intents.values()))
    human = replace(play.pointer, version="9", activation=3, epoch=6)
    play.happen(ChangeRefused(intent.id, human, certain=True))
    assert play.only.state == "overridden"
    assert due(play.terms, play.state, play.now + 1e6) == ()


def test_after_a_crash_even_an_edited_rule_makes_the_controller_stand_back() -> None:
    play = confirmed(Play())
    intent = next(iter(play.state.intents.values()))
    play.happen(ChangeRefused(intent.id, replace(play.pointer, epoch=7), certain=False))
    assert play.only.state == "overridden"


def test_an_edited_rule_that_certainly_came_first_only_delays() -> None:
    play = confirmed(Play())
    intent = next(iter(play.state.intents.values()))
    play.pointer = replace(play.pointer, epoch=6, route="assisted")
    play.happen(ChangeRefused(intent.id, play.pointer, certain=True))
    assert play.only.state == "inconclusive"
    play.now += 15
    play.confirm(play.only)
    made = play.make()
    assert made.id != intent.id
    assert (play.pointer.version, play.pointer.route) == ("7", "assisted")


def test_an_unreachable_target_is_tried_again_and_calls_for_help_after_two_minutes() -> None:
    play = confirmed(Play())
    play.happen(TargetUnreachable(play.only.id, "cannot be read"))
    assert play.only.state == "rolling_back"
    play.now += 121
    play.happen(TargetUnreachable(play.only.id, "cannot be read"))
    assert play.only.state == "stuck"
    assert isinstance(due(play.terms, play.state, play.now + 15)[0], Make)
    play.make()
    assert play.pointer.version == "7"


def test_an_end_that_is_heard_before_its_beginning_changes_nothing() -> None:
    play = Play()
    play.hear(alert(firing=False))
    assert (play.actions, dict(play.state.incidents)) == ([], {})
    play.hear(alert())
    assert play.only.state == "deciding"


def test_an_alert_of_the_old_version_that_arrives_after_the_swap_is_stale() -> None:
    play = confirmed(Play())
    play.make()
    play.hear(alert(starts_at=play.now))
    assert play.actions[-1] == "alert.stale"
    assert len(play.state.incidents) == 1
