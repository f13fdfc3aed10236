"""A rollback is not done until it is proved that it helped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from otel_clinical.policy import Scale, load_baseline, load_policy
from otel_clinical.rollback.engine import Watch, due
from otel_clinical.rollback.events import Recovery, RecoverySeen
from tests.rollback._controller import EXAMPLES
from tests.rollback._situations import DAY, Play, confirmed


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
        records = play.happen(recovery(play, **behind)).records
        named = [record.data["behind"] for record in records if record.action == "rollback.not_converged"]
        assert named in ([], [["service/b"]])
    assert play.actions.count("rollback.not_converged") == 1


def test_a_version_activated_during_verification_ends_it() -> None:
    play = rolled_back()
    play.pointer = replace(play.pointer, version="9", activation=4, epoch=9)
    play.happen(recovery(play))
    assert play.only.state == "overridden"


def test_points_measure_recovery_as_a_difference() -> None:
    play = rolled_back(scale=Scale("points"), recover_within=0.03)
    play.happen(recovery(play, performance=0.885))
    assert play.only.state == "verifying"
    play.happen(recovery(play, performance=0.895))
    assert play.only.state == "rolled_back"


def test_a_rate_that_is_better_when_lower_recovers_by_falling() -> None:
    play = rolled_back(scale=Scale(lower=True), recover_within=0.1)
    play.happen(recovery(play, performance=0.13, baseline=0.1))
    assert play.only.state == "verifying"
    play.happen(recovery(play, performance=0.105, baseline=0.1))
    assert play.only.state == "rolled_back"


def test_the_reference_policy_waits_for_as_many_labels_as_it_asks_of_the_smallest_segment() -> None:
    policy = load_policy(EXAMPLES / "policy.yaml")
    model = policy.models["coding"]
    baseline = load_baseline(EXAMPLES / "baseline.json")
    shares = [baseline.n(name, value) / baseline.n() for name, values in model.segments.items() for value in values]
    verify = model.rollback.verify
    # A day may pass until outcomes that are loaded once a day are there.
    labels = (verify.within / DAY - 1) * model.labels.per_day * model.labels.minimum_coverage * min(shares)
    assert labels >= verify.minimum_labels
