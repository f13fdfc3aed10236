"""What a confirmed degradation is put down to, and what is done about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_clinical.rollback.engine import Make, due
from tests.rollback._situations import ALL, DAY, MEDICAID, NOW, SOURCE, Play, alert, confirmed, hold, pointer


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


def test_an_environment_change_of_everything_puts_the_model_on_the_safer_route() -> None:
    play = confirmed(Play(pointer(activated_at=NOW - 20 * DAY)), alert(ALL))
    play.make()
    assert (play.pointer.route, play.pointer.version, play.only.state) == ("assisted", "8", "safe_mode")


def test_a_route_never_loosens() -> None:
    play = confirmed(Play(pointer(activated_at=NOW - 20 * DAY, route="manual")), alert(ALL))
    play.make()
    assert play.pointer.route == "manual"
