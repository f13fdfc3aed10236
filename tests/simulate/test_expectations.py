"""What an act must and must not bring about, seen in telemetry alone."""

from __future__ import annotations

import pytest

from otel_clinical.release import Segment, SegmentRule
from otel_clinical.semconv.enums import RollbackDecision
from otel_clinical.simulate import _expectations as see
from otel_clinical.simulate._view import EVERYWHERE

MEDICAID = ("payer", "medicaid")
MEDICARE = ("payer", "medicare")
SOURCE = ("source_system", "ehr-c")
PULMONOLOGY = ("department", "pulmonology")


def rule(place, route="assisted"):
    return SegmentRule(Segment(*place), route, reason="drift", marker="rb-1")


def test_heartbeats_need_two_that_arrived_during_the_act(scene):
    assert see.heartbeats(scene.next(heartbeat_at=990.0)) is None
    assert see.heartbeats(scene.next(heartbeat_at=1_001.0)) is None
    assert see.heartbeats(scene.next(heartbeat_at=1_001.0)) is None
    assert see.heartbeats(scene.next(heartbeat_at=1_003.0)) == "2 heartbeats at the controller"


@pytest.mark.parametrize(
    ("performance", "window", "near"),
    [(0.90, 1_000, True), (0.92, 1_000, True), (0.85, 1_000, False), (0.90, 50, False), (None, None, False)],
)
def test_at_baseline_needs_labels_and_nearness(scene, performance, window, near):
    standing = scene.standing(performance=performance, window=window, baseline=0.91)
    assert bool(see.at_baseline(scene.next(standing=standing))) is near


def test_a_surge_is_a_larger_share_with_lower_plain_accuracy(scene):
    standing = scene.standing(performance=0.80, baseline=0.90, evidence={"rollback": 1e-9})
    routes = {(PULMONOLOGY, "standard"): 60.0, (EVERYWHERE, "standard"): 40.0}
    words = see.surge(PULMONOLOGY)(scene.next(standing=standing, routes=routes, serving={"7": 100.0}))
    assert words == (
        "department pulmonology 60% of traffic, plain accuracy 11.1% down; evidence of a real drop 1e-09 (1 proves one)"
    )
    calm = {(PULMONOLOGY, "standard"): 12.0}
    assert see.surge(PULMONOLOGY)(scene.next(routes=calm)) is None


def test_a_tier_is_a_performance_alert_about_the_serving_version_that_began_in_the_act(scene):
    seen = see.tier("rollback", MEDICAID)
    assert seen(scene.next(alerts=(scene.alert("rollback", MEDICARE),))) is None
    assert seen(scene.next(alerts=(scene.alert("rollback", MEDICAID, version="8"),))) is None
    assert seen(scene.next(alerts=(scene.alert("rollback", MEDICAID, category="drift"),))) is None
    assert seen(scene.next(alerts=(scene.alert("rollback", MEDICAID, since=900.0),))) is None
    assert seen(scene.next(alerts=(scene.alert("rollback", MEDICAID),))) == (
        "rollback tier for payer medicaid after 5.0 s"
    )


def test_no_tier_excepts_a_place_and_a_category(scene):
    alerts = (scene.alert("rollback", MEDICAID), scene.alert("engineering", MEDICARE, category="drift"))
    story = scene.next(alerts=alerts)
    assert see.no_tier("rollback", outside=MEDICAID)(story) is None
    assert see.no_tier("engineering", but="drift")(story) is None
    assert see.no_tier("engineering", "rollback")(story) == (
        "payer medicaid (rollback, performance), payer medicare (engineering, drift)"
    )


def test_an_alert_that_ended_is_still_remembered(scene):
    scene.next(alerts=(scene.alert("governance"),))
    assert see.no_tier("governance")(scene.next(alerts=())) == "all segments together (governance, performance)"


def test_a_rule_must_be_about_the_place_and_hold_it_back(scene):
    seen = see.rule(MEDICAID)
    assert seen(scene.next(pointer={"rules": (rule(SOURCE),)})) is None
    assert seen(scene.next(pointer={"rules": (rule(MEDICAID, "standard"),)})) is None
    changed = {"rules": (rule(MEDICAID),), "updated_at": 1_002.5}
    assert seen(scene.next(pointer=changed)) == "payer medicaid -> assisted after 2.5 s"


def test_held_counts_every_route_through_a_person(scene):
    routes = {(SOURCE, "assisted"): 70.0, (SOURCE, "manual"): 28.0, (SOURCE, "standard"): 2.0}
    assert see.held(SOURCE)(scene.next(routes=routes)) == "98% of source_system ehr-c goes through a person"
    assert see.held(SOURCE)(scene.next(routes={**routes, (SOURCE, "standard"): 20.0})) is None
    assert see.held(SOURCE)(scene.next(routes={})) is None


def test_an_alert_counts_once_alertmanager_holds_it(scene):
    seen = see.alert("input-quality alert", SOURCE, action="hold")
    hold = scene.alert("engineering", SOURCE, name="Low", action="hold")
    assert seen(scene.next(alerts=(hold,))) is None
    assert seen(scene.next(alerts=(hold,), notified=frozenset({"Low"}))).startswith("input-quality alert for source")
    other = scene.alert("engineering", SOURCE, name="Low", action="none")
    assert seen(scene.next(alerts=(other,))) is None


def test_a_decision_counts_only_for_an_incident_of_this_act(scene):
    old = scene.incident(RollbackDecision.SAFE_MODE, MEDICAID, key="INC-0")
    scene.story.views[0] = scene.view = type(scene.view)(at=1_000.0, pointer=scene.view.pointer, incidents=(old,))
    seen = see.decision(RollbackDecision.SAFE_MODE, MEDICAID)
    assert seen(scene.next(incidents=(old,))) is None
    new = scene.incident(RollbackDecision.SAFE_MODE, MEDICAID)
    assert seen(scene.next(incidents=(new, old))) == "safe_mode for payer medicaid: because"


def test_serves_needs_the_pointer_and_all_traffic(scene):
    seen = see.serves("7")
    assert seen(scene.next(serving={})) is None
    assert seen(scene.next(serving={"7": 100.0, "8": 1.0})) is None
    assert seen(scene.next(serving={"7": 100.0})) == "version 7 serves 100 inferences/s"
    assert seen(scene.next(pointer={"version": "8"})) is None


def test_tiers_in_order_are_all_three_and_none_before_a_milder_one(scene):
    seen = see.tiers_in_order(EVERYWHERE, "8")
    late = scene.alert("engineering", version="8", since=1_009.0)
    early = scene.alert("governance", version="8", since=1_005.0)
    assert seen(scene.next(alerts=(late, early))) is None
    assert seen(scene.next(alerts=(late, early, scene.alert("rollback", version="8", since=1_010.0)))) is None


def test_tiers_in_order_tells_the_times(scene):
    tiers = ("engineering", "governance", "rollback")
    alerts = tuple(scene.alert(tier, version="8", since=1_001.0 + 2 * n) for n, tier in enumerate(tiers))
    assert see.tiers_in_order(EVERYWHERE, "8")(scene.next(alerts=alerts)) == (
        "engineering after 1.0 s, governance 3.0 s, rollback 5.0 s"
    )


def test_a_version_change_is_told_and_a_rule_is_none(scene):
    assert see.version_change(scene.next(pointer={"rules": (rule(MEDICAID),)})) is None
    assert see.pointer_change(scene.story) == "pointer epoch 1 -> 2"
    assert see.version_change(scene.next(pointer={"version": "8", "activation": 2})) == (
        "version 7 -> 8, activation 1 -> 2"
    )


def test_one_release_and_one_rollback_are_no_second_rollback(scene):
    scene.next(pointer={"version": "8", "activation": 2})
    back = scene.incident(RollbackDecision.ROLLBACK)
    assert see.second_rollback(scene.next(pointer={"version": "7", "activation": 3}, incidents=(back,))) is None
    again = scene.incident(RollbackDecision.ROLLBACK, MEDICAID, key="INC-2")
    assert see.second_rollback(scene.next(incidents=(back, again))) == "2 rollbacks, 2 activations"


def test_another_activation_is_a_second_rollback(scene):
    assert see.second_rollback(scene.next(pointer={"activation": 4})) == "0 rollbacks, 3 activations"


def test_flapping_is_a_bad_version_that_comes_back(scene):
    seen = see.flapping("8")
    assert seen(scene.next(pointer={"version": "8"})) is None
    assert seen(scene.next(pointer={"version": "7"})) is None
    assert seen(scene.next(pointer={"version": "8"})) == "version 8 came back 1 times"


def test_verified_is_a_rollback_in_its_final_state(scene):
    assert see.verified(scene.next(incidents=(scene.incident(RollbackDecision.ROLLBACK, state="verifying"),))) is None
    done = scene.incident(RollbackDecision.ROLLBACK, state="rolled_back", reason="performance recovered")
    assert see.verified(scene.next(incidents=(done,))) == "INC-1: performance recovered"
