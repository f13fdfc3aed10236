"""Each guard passes on the good case, and fails or is unknown on each way to be wrong."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from otel_clinical.policy import Scale
from otel_clinical.rollback import guards
from otel_clinical.rollback._evidence_guards import lower_difference
from otel_clinical.rollback.state import Comparison, Fellow, Processor, Stratum
from tests.rollback._situations import NOW, Play, alert, hold, pointer, sample, terms

OTHER = Fellow("triage", "3", 4.0, NOW - 3600)
"""Another model that dropped ten minutes earlier."""


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


def test_all_eleven_are_asked_on_a_confirmed_degradation_and_none_objects() -> None:
    found = results()
    # No earlier version runs beside the serving one: that is said, and is no reason to wait for it.
    assert found.pop("counterfactual") == "not_compared"
    assert set(found.values()) == {"pass"}
    assert len(found) == 10


def test_nothing_compared_is_neither_yes_nor_no_and_lets_the_others_decide() -> None:
    play = Play()
    play.hear(alert())
    look = sample(NOW)
    reports = guards.evaluate(terms(), play.only, play.pointer, look, sample(NOW + 2))
    report = next(report for report in reports if report.guard == "counterfactual")
    assert report.because.startswith("nothing was compared")
    assert guards.all_pass(reports)
    assert not guards.futile(report)
    in_doubt = guards.evaluate(terms(), play.only, play.pointer, look, sample(NOW + 2, drop=None))
    assert not guards.all_pass(in_doubt)


GOOD_ARM = Comparison("8", 0.8, 900.0)


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
        ("label_health", {"coverage": 0.79}, "fail"),
        ("label_health", {"label_time": NOW - 86_500}, "fail"),
        ("label_health", {"coverage": None}, "unknown"),
        ("label_health", {"label_time": None}, "unknown"),
        ("telemetry", {"instances": 1}, "fail"),
        ("common_cause", {"fellows": (OTHER,)}, "fail"),
        ("common_cause", {"fellows": (replace(OTHER, model="coding", version="7"),)}, "fail"),  # the control arm
        ("common_cause", {"fellows": (replace(OTHER, change_point=None),)}, "unknown"),
        ("counterfactual", {"arm": Comparison("7", 0.95, 20.0), "current": Comparison("8", 0.8, 900.0)}, "unknown"),
        ("counterfactual", {"arm": Comparison("7", None, None), "current": Comparison("8", 0.8, 900.0)}, "unknown"),
        ("counterfactual", {"arm": Comparison("7", 0.79, 400.0), "current": Comparison("8", 0.8, 900.0)}, "fail"),
        # What is proved on the same cases counts before what only seems so on different ones.
        ("counterfactual", {"arm": Comparison("7", 0.95, 900.0, 400.0, -1.0), "current": GOOD_ARM}, "fail"),
        ("counterfactual", {"arm": Comparison("7", None, None, 400.0, 0.0), "current": GOOD_ARM}, "unknown"),
        ("case_mix", {"drop": 0.149}, "fail"),
        ("case_mix", {"drop": None}, "unknown"),
    ],
)
def test_one_wrong_fact_stops_exactly_its_guard(guard: str, second: dict[str, Any], expected: str) -> None:
    found = results(second=second)
    assert found.pop(guard) == expected
    untouched = set(found.values()) - {"not_compared"}
    # Without Prometheus' clock the alert's age cannot be judged either, without Prometheus nothing else is known.
    assert untouched == ({"pass", "unknown"} if second in ({"clock": None}, {"reachable": False}) else {"pass"})


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


@pytest.mark.parametrize(
    "facts",
    [
        {"fellows": ()},
        {"fellows": (replace(OTHER, change_point=NOW - 3000 - 86_500),)},  # dropped at another time
        {"fellows": (replace(OTHER, model="coding", version="8"),)},  # this very drop
        {"fellows": (OTHER,), "cause": "environment"},  # counted in: no version is blamed
        {"arm": None},
        {"arm": Comparison("7", 0.93, 400.0), "current": Comparison("8", 0.80, 900.0)},
        {"coverage": 0.8},
        {"instances": 3},
        {"drop": 0.15},
    ],
)
def test_what_is_no_reason_to_wait_does_not_delay(facts: dict[str, Any]) -> None:
    assert set(results(second=facts).values()) - {"not_compared"} == {"pass"}


SHARES = {"payer": {"medicaid": 0.2, "medicare": 0.8}}


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        # Both improve, and more of the cases are of the harder kind: Simpson's paradox.
        ({"medicaid": -0.02, "medicare": -0.03}, "fail"),
        ({"medicaid": 0.3, "medicare": 0.2}, "pass"),
        ({"medicaid": 0.24, "medicare": 0.0}, "fail"),  # a fifth of the cases does not carry the whole
        ({}, "unknown"),
        ({"other": 0.4}, "unknown"),
    ],
)
def test_without_a_standardised_drop_the_segments_are_put_together_at_the_mix_of_the_baseline(
    drops: dict[str, float], expected: str
) -> None:
    play = Play()
    play.hear(alert())
    strata = tuple(Stratum("payer", value, drop) for value, drop in drops.items())
    seen = sample(NOW + 2, strata=strata)
    mixed = terms(standardised=False, shares=SHARES)
    reports = guards.evaluate(mixed, play.only, play.pointer, sample(NOW), seen)
    assert {report.guard.value: report.result.value for report in reports}["case_mix"] == expected


def test_a_version_that_would_be_no_better_is_not_restored_and_people_take_over() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, arm=Comparison("7", 0.79, 400.0), current=Comparison("8", 0.8, 900.0))
    assert play.only.decision == "refused"
    assert "going back would not help" in play.only.reason
    play.make()
    assert (play.pointer.version, play.pointer.route, play.only.state) == ("8", "manual", "manual_route")


def test_a_common_cause_never_rolls_back() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, fellows=(OTHER,))
    assert play.only.state == "inconclusive"
    assert "triage 3" in play.only.reason
    assert not play.state.intents


def test_what_dropped_further_apart_than_the_policy_counts_as_one_is_no_common_cause() -> None:
    play = Play(together=300.0)  # the other dropped ten minutes earlier
    play.hear(alert())
    play.confirm(play.only, fellows=(OTHER,))
    assert play.only.decision == "rollback"


def test_every_guard_leaves_the_numbers_it_rests_on() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, evidence=math.inf)
    facts = {report.guard.value: report.facts for report in play.only.guards}
    assert facts["sample"]["second"] is None  # what JSON cannot carry
    assert (facts["sample"]["labels"], facts["sample"]["needed"]) == (240.0, 100.0)
    assert facts["case_mix"] == {"drop": 0.25, "lower": 0.12, "upper": 0.38, "threshold": 0.15}
    assert all(found for guard, found in facts.items())


@pytest.mark.parametrize("n", [60.0, 200.0, 1000.0])
def test_the_bound_of_a_difference_is_rarely_above_the_truth(n: float) -> None:
    """Simulated: of 2,000 pairs without any difference at most 7 % may seem better, by a bound of 95 %."""
    draw = random.Random(7)
    above = 0
    for _ in range(2000):
        one, other = (sum(draw.random() < 0.85 for _ in range(int(n))) / n for _ in range(2))
        lower = lower_difference(Scale(), Comparison("7", one, n), Comparison("8", other, n))
        above += lower is not None and lower > 0
    assert 0.02 < above / 2000 < 0.07


def test_the_arm_with_the_lower_rate_is_the_better_one_where_lower_is_better() -> None:
    arm, current = Comparison("7", 0.10, 900.0), Comparison("8", 0.20, 900.0)
    better = lower_difference(Scale(lower=True), arm, current)
    worse = lower_difference(Scale(lower=True), current, arm)
    assert better is not None
    assert worse is not None
    assert better > 0 > worse


def test_a_drop_put_down_to_the_label_feed_changes_nothing() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, cause="label_feed")
    assert play.only.state == "inconclusive"
    assert not play.state.intents


def test_of_a_metric_that_is_better_when_lower_the_lower_version_is_the_better_one() -> None:
    play = Play(scale=Scale(lower=True))
    play.hear(alert())
    better, worse = Comparison("7", 0.05, 400.0), Comparison("8", 0.2, 900.0)
    for arm, current, expected in ((better, worse, "rollback"), (worse, better, "refused")):
        play = Play(scale=Scale(lower=True))
        play.hear(alert())
        play.confirm(play.only, arm=arm, current=current)
        assert play.only.decision == expected


def test_a_pair_that_proves_the_version_before_better_needs_no_other_labels() -> None:
    play = Play()
    play.hear(alert())
    play.confirm(play.only, arm=Comparison("7", 0.79, 20.0, 400.0, 1.0), current=Comparison("8", 0.8, 30.0))
    report = next(report for report in play.only.guards if report.guard == "counterfactual")
    assert (report.result, report.because) == ("pass", "version 7 is proved better on the same 400 cases")
    assert play.only.decision == "rollback"
