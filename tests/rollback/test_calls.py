"""Who is called when: by the policy's times, in working hours where that may wait, and never later than that."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.rollback.calls import DEFAULTS, Calls, WorkingHours, call_times
from otel_clinical.rollback.events import AlertSeen
from otel_clinical.rollback.orders import Order, OrderKind
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._plans import will_do
from otel_clinical.semconv.enums import EscalationLevel, RollbackState
from tests.rollback._controller import terms_of
from tests.rollback._situations import Play, alert

if TYPE_CHECKING:
    from pathlib import Path

CHICAGO = "America/Chicago"
OFFICE = WorkingHours(frozenset(range(5)), time(8), time(17), CHICAGO)
ESCALATION = """      escalation:
        working_hours: {begin: "08:00", end: "17:00", time_zone: America/Chicago}
        engineering_review: {second_line: 4h, safety_officer: 12h, in_working_hours: true}
        rollback: {second_line: 5m, safety_officer: 10m}
"""


def local(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(CHICAGO)).timestamp()


@pytest.mark.parametrize(
    ("begun", "times"),
    [
        # 2026-11-30 is a Monday.
        ("2026-11-30T09:00", ("2026-11-30T09:00", "2026-11-30T13:00", "2026-12-01T12:00")),
        ("2026-11-30T16:00", ("2026-11-30T16:00", "2026-12-01T11:00", "2026-12-02T10:00")),
        ("2026-11-30T02:30", ("2026-11-30T08:00", "2026-11-30T12:00", "2026-12-01T11:00")),
        ("2026-12-04T17:00", ("2026-12-07T08:00", "2026-12-07T12:00", "2026-12-08T11:00")),
        ("2026-12-05T12:00", ("2026-12-07T08:00", "2026-12-07T12:00", "2026-12-08T11:00")),
        # Clocks go back on Sunday, 2026-11-01, and forward on Sunday, 2026-03-08.
        ("2026-10-30T16:30", ("2026-10-30T16:30", "2026-11-02T11:30", "2026-11-03T10:30")),
        ("2026-03-06T16:30", ("2026-03-06T16:30", "2026-03-09T11:30", "2026-03-10T10:30")),
    ],
)
def test_only_working_hours_count_where_a_tier_may_wait(begun: str, times: tuple[str, ...]) -> None:
    calls = Calls(4 * 3600.0, 12 * 3600.0, OFFICE)
    assert call_times(calls, local(begun)) == tuple(map(local, times))


@given(
    begun=st.floats(1.7e9, 1.9e9),
    later=st.floats(0, 1e6),
    waits=st.tuples(st.floats(1, 2e5), st.floats(1, 2e5)).map(sorted),
    days=st.frozensets(st.integers(0, 6), min_size=1),
)
def test_nobody_is_called_before_the_one_in_front_nor_outside_working_hours(
    begun: float, later: float, waits: list[float], days: frozenset[int]
) -> None:
    hours = WorkingHours(days, time(8), time(17), CHICAGO)
    calls = Calls(*waits, hours)
    times = call_times(calls, begun)
    assert list(times) == sorted(times)
    assert all(at >= begun + wait - 1e-3 for at, wait in zip(times, (0.0, *waits), strict=True))
    assert all(a <= b for a, b in zip(times, call_times(calls, begun + later), strict=True))
    for at in times:
        there = datetime.fromtimestamp(at, ZoneInfo(CHICAGO))
        assert there.weekday() in days
        assert time(8) <= there.time() <= time(17)


def test_the_times_come_from_the_policy_and_tier_3_never_waits(tmp_path: Path) -> None:
    rest = "      maximum_alert_age: 15m\n"
    found = terms_of(tmp_path, **{rest: rest + ESCALATION}).calls
    assert found[1] == Calls(4 * 3600.0, 12 * 3600.0, OFFICE)
    assert found[2] == DEFAULTS[2]
    assert found[3] == Calls(300.0, 600.0)


def test_a_policy_that_says_nothing_has_the_times_of_the_documentation(tmp_path: Path) -> None:
    assert terms_of(tmp_path).calls == DEFAULTS


def test_the_page_says_who_is_called_next_and_at_what_time() -> None:
    play = Play()
    play.happen(AlertSeen(alert(), play.pointer))
    incident = {**asdict(play.only), "state": RollbackState.INCONCLUSIVE, "events": [], "intents": []}
    later = Moments(play.now + 60)
    at = later.short(play.now + 900)
    said = f"At {at} it calls the second line, unless somebody acknowledges before."
    assert will_do(incident, play.terms, later, calls=True)[-1] == said
    known = {"action": "order.acknowledge", "time": play.now + 1, "data": {}}
    assert said not in will_do({**incident, "events": [known]}, play.terms, later, calls=True)
    assert said not in will_do(incident, play.terms, later)


def test_a_review_that_was_acknowledged_is_not_acknowledged_as_a_rollback() -> None:
    play = Play()
    play.happen(AlertSeen(alert(tier=EscalationLevel.GOVERNANCE_REVIEW), play.pointer))
    play.happen(Order(OrderKind.ACKNOWLEDGE, "coding", "ana", "on it", play.now, play.only.id))
    assert play.only.acknowledged_by == "ana"
    play.hear(alert())
    assert (play.only.acknowledged_by, play.only.acknowledged_at, play.actions[-1]) == ("", None, "incident.escalated")
