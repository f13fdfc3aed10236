"""What the controller must have shown before it may act on its own."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.rollback.audit import AuditEvent
from otel_clinical.rollback.readiness import DAY, conditions, read_record

NOW = 1_000 * DAY
INCIDENTS = {"INC-1": "coding", "INC-2": "coding", "INC-9": "triage"}


def event(days_ago: float, action: str, about: str = "coding", **data: object) -> AuditEvent:
    return AuditEvent(1, NOW - days_ago * DAY, "controller", action, about, data, "")


def started(days_ago: float, mode: str = "observe") -> AuditEvent:
    return event(days_ago, "controller.started", "controller", mode={"coding": mode, "triage": "enforce"})


DRILL = event(3, "drill.passed")
WATCHED = "watched for 14 days without acting"


def resumed(days_ago: float, missed_days: float) -> AuditEvent:
    return event(days_ago, "watch.resumed", missed=missed_days * DAY)


def unmet(*events: AuditEvent, known_good=("7",), serving="8", until=NOW) -> list[str]:
    record = read_record(events, "coding", INCIDENTS)
    return [
        c.name for c in conditions(record, until=until, known_good=known_good, serving=serving, now=NOW) if not c.met
    ]


def test_is_ready_after_two_weeks_without_a_false_decision_a_drill_and_a_way_back() -> None:
    assert unmet(started(15), DRILL) == []


def test_a_restart_in_the_same_mode_or_in_recommend_does_not_begin_anew() -> None:
    assert unmet(started(15), started(2), started(1, "recommend"), DRILL) == []


def test_acting_and_watching_again_begins_anew() -> None:
    assert unmet(started(30), started(20, "enforce"), started(10), DRILL) == ["watched for 14 days without acting"]


def test_what_it_watched_before_it_acts_is_not_lost_when_it_acts() -> None:
    assert unmet(started(30), started(2, "enforce"), DRILL) == []
    assert unmet(started(15), started(2, "enforce"), DRILL) == [WATCHED]


def test_time_in_which_it_was_down_or_blind_is_left_out() -> None:
    assert unmet(started(15), resumed(10, 0.9), DRILL) == []
    assert unmet(started(15), resumed(10, 0.9), resumed(3, 0.2), DRILL) == [WATCHED]
    assert unmet(started(15), DRILL, until=NOW - 1.5 * DAY) == [WATCHED]
    assert unmet(started(15), DRILL, until=None) == [WATCHED]


def test_only_what_lies_in_the_time_it_watched_is_left_out() -> None:
    assert unmet(started(40, "enforce"), started(15), resumed(14.9, 20), DRILL) == []
    assert unmet(started(15), event(0.5, "watch.began"), DRILL) == [WATCHED]
    acts = (started(30), started(10, "enforce"), resumed(3, 9), DRILL)
    assert unmet(*acts) == []


def test_enforce_alone_is_still_watching_until_it_is_armed() -> None:
    waiting = event(20, "controller.started", "controller", mode={"coding": "enforce"}, armed=[])
    assert unmet(waiting, DRILL) == []
    assert unmet(waiting, event(10, "order.arm"), DRILL) == [WATCHED]
    assert unmet(waiting, event(1, "controller.armed"), DRILL) == []


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), max_size=6))
def test_time_left_out_is_never_less_than_nothing(gaps: list[tuple[float, float]]) -> None:
    ordered = sorted((resumed(ago, lost) for ago, lost in gaps), key=lambda item: item.time)
    record = read_record([started(15), *ordered], "coding", INCIDENTS)
    assert record.missed >= 0
    with_it = conditions(record, until=NOW, known_good=(), serving=None, now=NOW)[0]
    without = conditions(replace(record, missed=0.0), until=NOW, known_good=(), serving=None, now=NOW)[0]
    assert with_it.met <= without.met


def test_every_decision_must_be_judged_and_none_be_false() -> None:
    decided = event(5, "decision.rollback", "INC-1")
    right = event(4, "decision.judged", "INC-1", right=True)
    false = event(3, "decision.judged", "INC-1", right=False)
    assert unmet(started(15), decided, DRILL) == ["no false decision while it watched"]
    assert unmet(started(15), decided, right, DRILL) == []
    assert unmet(started(15), decided, right, false, DRILL) == ["no false decision while it watched"]


def test_decisions_about_other_models_do_not_count() -> None:
    assert unmet(started(15), event(5, "decision.rollback", "INC-9"), DRILL) == []


def test_a_false_decision_counts_until_watching_begins_anew() -> None:
    before = (event(25, "decision.hold", "INC-1"), event(24, "decision.judged", "INC-1", right=False))
    assert unmet(started(30), *before, DRILL) == ["no false decision while it watched"]
    assert unmet(started(30), *before, started(22, "enforce"), started(15), DRILL) == []


def test_a_drill_that_is_long_past_or_failed_does_not_count() -> None:
    assert unmet(started(60), event(46, "drill.passed")) == ["a drill passed within 45 days"]
    assert unmet(started(60), event(1, "drill.failed")) == ["a drill passed within 45 days"]


def test_the_version_that_serves_is_no_way_back() -> None:
    assert unmet(started(15), DRILL, known_good=("8",)) == ["another version is known good"]
    assert unmet(started(15), DRILL, known_good=()) == ["another version is known good"]


def test_what_is_missing_says_what_to_do() -> None:
    record = read_record([], "coding", INCIDENTS)
    assert all(c.todo for c in conditions(record, until=None, known_good=(), serving=None, now=NOW) if not c.met)


def test_how_long_is_left_and_what_was_missed_is_said_in_days_or_hours() -> None:
    record = read_record([started(10), resumed(5, 0.25)], "coding", INCIDENTS)
    watched = conditions(record, until=NOW, known_good=(), serving=None, now=NOW)[0]
    assert watched.found == "9.8 days, without 6.0 h in which it was down or blind"
    assert watched.todo == "let it run on for 4.2 days more"
