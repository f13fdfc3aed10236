"""What the engine decides, and that it decides once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from otel_clinical.policy import load_baseline, load_policy
from otel_clinical.rollback.engine import Look, Make, Watch, due, next_due
from otel_clinical.rollback.events import ChangeRefused, Recovery, RecoverySeen, Sampled, TargetUnreachable
from otel_clinical.rollback.state import ModelState
from otel_clinical.semconv.enums import RollbackMode
from tests.rollback._controller import EXAMPLES
from tests.rollback._situations import ALL, DAY, MEDICAID, NOW, SOURCE, Play, alert, hold, pointer, sample


def confirmed(play: Play, seen: Any = None, **facts: Any) -> Play:
    play.hear(seen or alert())
    play.confirm(play.only, **facts)
    return play


def test_a_drop_after_activation_rolls_back_to_the_previous_version() -> None:
    play = confirmed(Play())
    assert due(play.terms, play.state, play.now) == (Make(next(iter(play.state.intents))),)
    play.make()
    assert (play.pointer.version, play.pointer.activation) == ("7", 3)
    assert play.only.state == "converging"
    assert play.state.quarantined == {"8"}


@pytest.mark.parametrize(
    ("since_activation", "cause"),
    [(-61, "environment"), (-59, "version"), (0, "version"), (14 * DAY, "version"), (14 * DAY + 1, "environment")],
)
def test_the_change_point_decides_between_version_and_environment(since_activation: float, cause: str) -> None:
    serving = pointer(activated_at=NOW - 20 * DAY)
    play = confirmed(Play(serving), change_point=serving.activated_at + since_activation)
    assert play.only.cause == cause


def test_long_after_the_window_the_previous_version_is_not_trusted_any_more() -> None:
    serving = pointer(activated_at=NOW - 29 * DAY)
    play = confirmed(Play(serving), change_point=serving.activated_at + DAY)
    assert play.only.cause == "environment"


def test_without_an_earlier_version_no_change_of_version_is_to_blame() -> None:
    play = confirmed(Play(pointer(previous_version=None, activation=1)), activation=1.0)
    play.make()
    assert (play.only.state, play.pointer.route, play.pointer.version) == ("safe_mode", "assisted", "8")


def test_an_environment_change_of_one_payer_holds_that_payer_alone() -> None:
    play = confirmed(Play(pointer(activated_at=NOW - 20 * DAY)), alert(MEDICAID), aggregate_evidence=0.2)
    play.make()
    assert play.only.state == "safe_mode"
    assert play.pointer.resolve({"payer": "medicaid"}).route == "assisted"
    assert play.pointer.resolve({"payer": "medicare"}).route == "standard"


def test_one_bad_segment_of_a_new_version_gets_the_previous_version_alone() -> None:
    play = confirmed(Play(), alert(MEDICAID), aggregate_evidence=0.2)
    play.make()
    assert play.pointer.version == "8"
    assert play.pointer.resolve({"payer": "medicaid"}).version == "7"
    assert play.pointer.resolve({"payer": "medicare"}).version == "8"
    assert play.only.state == "verifying"


def test_one_bad_segment_rolls_everything_back_when_the_aggregate_degrades_too() -> None:
    play = confirmed(Play(), alert(MEDICAID), aggregate_evidence=1.0)
    play.make()
    assert play.pointer.version == "7"
    assert play.pointer.rules == ()


def test_a_source_with_poor_input_is_held_on_the_breach_route() -> None:
    play = confirmed(Play(), hold())
    play.make()
    assert play.only.state == "hold"
    assert play.pointer.resolve({"source_system": "ehr-b"}).route == "assisted"
    assert play.pointer.version == "8"


def test_a_drop_in_a_source_whose_input_is_held_is_no_fault_of_the_version() -> None:
    play = Play(on_breach="assisted", on_environment="manual")
    play.hear(hold())
    play.confirm(play.only)
    play.make()
    play.hear(alert(SOURCE))
    incident = next(i for i in play.state.incidents.values() if i.key.cause == "performance")
    play.confirm(incident)
    assert play.state.incidents[incident.id].cause == "environment"


@pytest.mark.parametrize("previous", ["6", "7"])
def test_an_undeclared_or_quarantined_version_is_never_restored(previous: str) -> None:
    play = Play(pointer(previous_version=previous))
    play.state = replace(play.state, quarantined=frozenset({"7"}))
    confirmed(play)
    assert play.only.decision == "refused"
    play.make()
    assert (play.pointer.version, play.pointer.route, play.only.state) == ("8", "manual", "manual_route")


def test_a_second_rollback_within_a_day_is_refused_and_routed_to_people() -> None:
    play = confirmed(Play())
    play.make()
    play.pointer = replace(play.pointer, version="9", previous_version="7", activation=4, epoch=9)
    play.now += 3600
    play.pointer = replace(play.pointer, activated_at=play.now - 60)
    play.hear(alert(version="9"))
    incident = next(i for i in play.state.incidents.values() if i.version == "9")
    play.confirm(incident, activation=4.0, active_versions=("9",), change_point=play.now)
    found = play.state.incidents[incident.id]
    assert found.decision == "refused"
    assert "per day" in found.reason
    play.make()
    assert play.pointer.route == "manual"


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


def test_an_alert_for_another_version_is_stale_and_changes_nothing() -> None:
    play = Play()
    play.hear(alert(version="7"))
    assert play.state == ModelState()
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


def recovery(play: Play, **changes: Any) -> RecoverySeen:
    seen = Recovery(
        taken_at=play.now,
        serving=(("service/a", "7"), ("service/b", "7")),
        performance=0.90,
        samples=60.0,
        activation=3.0,
        baseline=0.92,
    )
    return RecoverySeen(play.only.id, replace(seen, **changes), play.pointer)


def rolled_back(**changes: Any) -> Play:
    play = confirmed(Play(**changes))
    play.make()
    assert due(play.terms, play.state, play.now) == (Watch(play.only.id),)
    return play


def test_recovery_on_enough_labels_of_the_new_activation_closes_the_incident() -> None:
    play = rolled_back()
    play.happen(recovery(play))
    assert play.only.state == "rolled_back"
    assert play.actions[-2:] == ["rollback.converged", "rollback.verified"]


@pytest.mark.parametrize(
    "missing",
    [
        {"samples": 49.0},
        {"performance": 0.87},
        {"performance": None},
        {"performance": float("nan")},
        {"activation": 1.0},
        {"activation": None},
        {"baseline": None},
        {"serving": ()},
        {"serving": (("service/a", "7"), ("service/b", "8"))},
        {"reachable": False, "performance": None, "serving": ()},
    ],
)
def test_without_proof_of_recovery_people_take_over_when_time_is_up(missing: dict[str, Any]) -> None:
    play = rolled_back()
    play.happen(recovery(play, **missing))
    assert play.only.state in {"converging", "verifying"}
    play.now += 3601
    play.happen(recovery(play, **missing))
    assert play.actions.count("rollback.not_verified") == 1
    play.make()
    assert (play.only.state, play.pointer.route, play.pointer.version) == ("manual_route", "manual", "7")


def test_labels_that_mature_late_extend_the_time_for_recovery() -> None:
    play = rolled_back(maturity=30 * DAY)
    play.now += 30 * DAY
    play.happen(recovery(play, samples=0.0))
    assert play.only.state == "verifying"


def test_services_that_do_not_switch_are_reported_once() -> None:
    play = rolled_back()
    behind = {"serving": (("service/a", "7"), ("service/b", "8"))}
    for _ in range(5):
        play.now += 60
        play.happen(recovery(play, **behind))
    assert play.actions.count("rollback.not_converged") == 1


def test_a_version_activated_during_verification_ends_it() -> None:
    play = rolled_back()
    play.pointer = replace(play.pointer, version="9", activation=4, epoch=9)
    play.happen(recovery(play))
    assert play.only.state == "overridden"


def test_points_measure_recovery_as_a_difference() -> None:
    play = rolled_back(drop="points", recover_within=0.03)
    play.happen(recovery(play, performance=0.885))
    assert play.only.state == "verifying"
    play.happen(recovery(play, performance=0.895))
    assert play.only.state == "rolled_back"


def test_an_environment_change_of_everything_puts_the_model_on_the_safer_route() -> None:
    play = confirmed(Play(pointer(activated_at=NOW - 20 * DAY)), alert(ALL))
    play.make()
    assert (play.pointer.route, play.pointer.version, play.only.state) == ("assisted", "8", "safe_mode")


def test_a_route_never_loosens() -> None:
    play = confirmed(Play(pointer(activated_at=NOW - 20 * DAY, route="manual")), alert(ALL))
    play.make()
    assert play.pointer.route == "manual"


def test_the_reference_policy_waits_for_as_many_labels_as_it_asks_of_the_smallest_segment() -> None:
    policy = load_policy(EXAMPLES / "policy.yaml")
    model = policy.models["coding"]
    baseline = load_baseline(EXAMPLES / "baseline.json")
    shares = [baseline.n(name, value) / baseline.n() for name, values in model.segments.items() for value in values]
    verify = model.rollback.verify
    # A day may pass until outcomes that are loaded once a day are there.
    labels = (verify.within / DAY - 1) * model.labels.per_day * model.labels.minimum_coverage * min(shares)
    assert labels >= verify.minimum_labels
