"""Each guard passes on the good case, and fails or is unknown on each way to be wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from otel_clinical.rollback import guards
from otel_clinical.rollback.state import Processor
from tests.rollback._situations import NOW, Play, alert, hold, pointer, sample, terms


def results(
    *, first: dict[str, Any] | None = None, second: dict[str, Any] | None = None, **incident: Any
) -> dict[str, str]:
    play = Play()
    play.hear(alert())
    seen = replace(play.only, **incident)
    reports = guards.evaluate(
        terms(), seen, play.pointer, sample(NOW, **(first or {})), sample(NOW + 2, **(second or {}))
    )
    return {report.guard.value: report.result.value for report in reports}


def test_all_eight_pass_on_a_confirmed_degradation() -> None:
    found = results()
    assert set(found.values()) == {"pass"}
    assert len(found) == 8


@pytest.mark.parametrize(
    ("guard", "second", "expected"),
    [
        ("active_version", {"active_versions": ("7",)}, "fail"),
        ("active_version", {"active_versions": ()}, "unknown"),
        ("active_version", {"activation": 1.0}, "fail"),
        ("active_version", {"activation": None}, "unknown"),
        ("sample", {"samples": 99.0}, "fail"),
        ("sample", {"evidence": 0.99}, "fail"),
        ("sample", {"evidence": math.nan}, "unknown"),
        ("sample", {"evidence": None}, "unknown"),
        ("sample", {"samples": math.inf}, "unknown"),
        ("telemetry", {"processors": ()}, "unknown"),
        ("telemetry", {"clock": None}, "unknown"),
        ("telemetry", {"processors": (Processor(NOW - 9000, NOW, NOW, up=False),)}, "fail"),
        ("telemetry", {"processors": (Processor(NOW + 1, NOW, NOW, up=True),)}, "fail"),  # restarted
        ("telemetry", {"processors": (Processor(NOW - 9000, NOW - 901, NOW, up=True),)}, "fail"),
        ("telemetry", {"processors": (Processor(NOW - 9000, NOW, NOW - 1060, up=True),)}, "fail"),
        ("telemetry", {"processors": (Processor(NOW - 9000, None, NOW, up=True),)}, "unknown"),
        ("baseline", {"baseline_hashes": ("sha256:" + "cd" * 32,)}, "fail"),
        ("baseline", {"baseline_hashes": ("sha256:" + "ab" * 32, "sha256:" + "cd" * 32)}, "fail"),
        ("baseline", {"baseline_hashes": ()}, "unknown"),
        ("baseline", {"baseline_hashes": ("ab" * 4,)}, "fail"),
        ("confirmation", {"reachable": False}, "unknown"),
        ("confirmation", {"evaluated_at": None}, "fail"),
        ("confirmation", {"evaluated_at": NOW - 0.5}, "unknown"),
        ("alert_age", {"clock": NOW + 70.0}, "fail"),
        ("alert_age", {"clock": NOW - 70.0}, "fail"),
        ("attribution", {"change_point": None}, "unknown"),
        ("attribution", {"change_point": math.nan}, "unknown"),
        ("label_health", {"cause": "label_feed"}, "fail"),
    ],
)
def test_one_wrong_fact_stops_exactly_its_guard(guard: str, second: dict[str, Any], expected: str) -> None:
    found = results(second=second)
    assert found.pop(guard) == expected
    untouched = set(found.values())
    # Without Prometheus' clock its age cannot be judged either.
    assert untouched == ({"pass", "unknown"} if second == {"clock": None} else {"pass"})


@pytest.mark.parametrize(
    ("incident", "expected"),
    [({"last_seen": NOW - 890}, "pass"), ({"last_seen": NOW - 899}, "fail"), ({"starts_at": NOW + 70}, "fail")],
)
def test_an_alert_must_be_recent_and_not_from_the_future(incident: dict[str, Any], expected: str) -> None:
    assert results(**incident)["alert_age"] == expected


def test_evidence_must_hold_at_both_looks() -> None:
    assert results(first={"evidence": 0.5})["sample"] == "fail"


def test_a_hash_without_prefix_or_cut_in_the_label_is_the_same_hash() -> None:
    assert results(second={"baseline_hashes": ("ab" * 32,)})["baseline"] == "pass"
    assert results(second={"baseline_hashes": ("sha256:" + "ab" * 28,)})["baseline"] == "pass"


@pytest.mark.parametrize(
    ("records", "expected"), [(400.0, "pass"), (49.0, "fail"), (None, "unknown"), (math.nan, "unknown")]
)
def test_an_input_hold_needs_enough_records(records: float | None, expected: str) -> None:
    play = Play()
    play.hear(hold())
    facts = {"samples": records, "evidence": None, "change_point": None, "activation": None}
    reports = guards.evaluate(terms(), play.only, pointer(), sample(NOW, **facts), sample(NOW + 2, **facts))
    found = {report.guard.value: report.result.value for report in reports}
    assert found == {"active_version": "pass", "confirmation": "pass", "alert_age": "pass", "sample": expected}


def test_the_label_feed_must_be_healthy_at_both_looks() -> None:
    assert results(first={"cause": "label_feed"})["label_health"] == "fail"


@pytest.mark.parametrize(
    ("cause", "decision", "known"),
    [
        ("", "rollback", "version"),
        ("version", "rollback", "version"),
        ("unknown", "rollback", "version"),
        ("environment", "safe_mode", "environment"),
        ("input", "safe_mode", "input"),
    ],
)
def test_what_the_previous_version_would_share_is_no_reason_to_go_back(cause: str, decision: str, known: str) -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, cause=cause)
    assert play.only.decision == decision
    assert play.only.cause == known


def test_the_word_version_cannot_make_an_old_change_a_reason_to_go_back() -> None:
    """The pointer knows better than the processor when the version was activated."""
    play = Play(pointer(activated_at=NOW - 20 * 86_400))
    play.hear(alert())
    play.confirm(play.only, cause="version")
    assert play.only.decision == "safe_mode"


def test_a_drop_put_down_to_the_label_feed_changes_nothing() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, cause="label_feed")
    assert play.only.state == "inconclusive"
    assert not play.state.intents
