"""An hour of repetitions, restarts and flaps at the pace of a fast clock is one incident and one change."""

from __future__ import annotations

from soak.rollback_day import soak


def test_repetitions_make_one_incident_and_one_change_and_what_they_leave_goes_after_its_retention() -> None:
    day = soak(1.0, 360.0, 7)
    assert day.problems == []
    assert (day.incidents, day.made, day.epoch) == (1, 1, 3)
    assert day.restarts == 4
    assert day.posted >= 10
    assert day.day["webhooks"] >= day.posted - 2
    assert day.later["webhooks"] <= 2
    assert day.later["audit"] > day.day["audit"], "what happened stays in the audit"
