"""Every kind of drop and every kind of metric: a true drop is found at its tier, and none is made up."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift.explode import explode_logs
from otel_clinical.drift.explode._verdict import VERDICTS
from otel_clinical.drift.kernel import Kernel, TierChange
from otel_clinical.policy import BaselineBuilder
from otel_clinical.semconv import attributes
from otel_clinical.semconv.enums import EscalationLevel, EstimateValidity, ReviewAction, ReviewAttention
from tests.drift import _wire as wire
from tests.drift.kernel._world import (
    START,
    World,
    batch,
    inference,
    make_kernel,
    make_policy,
    outcome,
    review,
    row_of,
    run,
)

TIER_1, TIER_2, TIER_3 = (
    EscalationLevel.ENGINEERING_REVIEW,
    EscalationLevel.GOVERNANCE_REVIEW,
    EscalationLevel.ROLLBACK,
)
TENTH_OF_ACCURACY = {
    "skill, chance: 50%": 0.0905 / 0.405,
    "error_ratio": 1 - (0.095 / 0.905) / (0.1855 / 0.8145),
    "relative, better: lower": 0.0905 / 0.095,
}
"""What a tenth of an accuracy of 0.905 is in other kinds of drop."""


def reached(transitions, place=("all", "all")):
    return {
        found.level
        for found in transitions
        if isinstance(found, TierChange) and (found.row.segment, found.row.value) == place
    }


def replayed(drop, lost, n=3000):
    world = World(5, drop=lambda *_: lost)
    kernel = make_kernel(make_policy(drop=drop))
    return kernel, run(kernel, world.records(n), to=START + n * world.gap + 4000.0)


@pytest.mark.parametrize("drop", TENTH_OF_ACCURACY)
def test_a_tenth_of_the_accuracy_is_tier_3_where_the_kind_of_drop_says_so(drop):
    kernel, transitions = replayed(drop, 0.1)
    assert TIER_3 in reached(transitions)
    row = row_of(kernel)
    assert row.drop == pytest.approx(TENTH_OF_ACCURACY[drop], rel=0.12)
    low, high = row.interval
    assert low < TENTH_OF_ACCURACY[drop] < high


def test_the_same_tenth_is_no_tier_3_relative_to_the_accuracy():
    assert TIER_3 not in reached(replayed("relative", 0.1)[1])


@pytest.mark.parametrize("drop", TENTH_OF_ACCURACY)
def test_nothing_changed_reaches_no_tier_in_any_kind(drop):
    assert not reached(replayed(drop, 0.0)[1])


def test_a_metric_that_is_better_when_lower_is_shown_in_its_own_values():
    row = row_of(replayed("relative, better: lower", 0.0)[0])
    assert row.baseline == pytest.approx(0.095, abs=1e-6)
    assert row.performance == pytest.approx(0.095, abs=0.02)


CELLS = ("true_positive", "false_negative", "true_negative", "false_positive")
GOOD = (0.18, 0.02, 0.76, 0.04)
"""Sensitivity 0.90, specificity 0.95, ppv 0.82, npv 0.97; one case in five is positive."""
BAD = {
    "sensitivity": (0.12, 0.08, 0.76, 0.04),
    "specificity": (0.18, 0.02, 0.60, 0.20),
    "ppv": (0.18, 0.02, 0.68, 0.12),
    "npv": (0.02, 0.18, 0.76, 0.04),
}


def classes(chances, n=3000, seed=3, **changes):
    """Return outcome events whose classes are drawn by `chances`, four a minute."""
    drawn = np.random.default_rng(seed).choice(len(CELLS), n, p=chances)
    found = []
    for number, place in enumerate(drawn.tolist()):
        right = CELLS[place].startswith("true")
        at = START + 15.0 * number
        extra = {attributes.OUTCOME_CLASS: CELLS[place]} | changes
        found.append(
            wire.outcome(number, at, inferred=at, result="correct" if right else "incorrect", extra=extra, segments={})
        )
    return found


def judged(metric, records):
    policy = make_policy(metric=metric, standardise_by="null", maturity="0s")
    model = policy.models["coding"]
    builder = BaselineBuilder.for_model("coding", model)
    for cell, share in zip(CELLS, GOOD, strict=True):
        counts = model.metric.counted is None or cell in model.metric.counted
        for _ in range(round(10_000 * share)):
            builder.add({}, float(cell.startswith("true")), confidence=0.9, counts=counts)
    kernel = Kernel(policy, {"coding": builder.build()})
    transitions, reasons = [], []
    for part in wire.chunks(records, 300):
        exploded = explode_logs(wire.logs(part), START + 1e6, kernel.index)
        reasons += [found.detail for found in exploded.rejections if attributes.OUTCOME_CLASS in found.detail]
        kernel.apply(exploded.batch)
        transitions += kernel.advance()
    return kernel, transitions + kernel.advance(to=START + 1e6), reasons


@pytest.mark.parametrize("metric", BAD)
def test_a_metric_of_classes_finds_its_own_drop(metric):
    kernel, transitions, _ = judged(metric, classes(BAD[metric]))
    assert TIER_3 in reached(transitions)
    assert row_of(kernel).labels < 3000


@pytest.mark.parametrize("metric", BAD)
def test_a_metric_of_classes_makes_no_drop_up(metric):
    kernel, transitions, _ = judged(metric, classes(GOOD))
    assert not reached(transitions)
    row = row_of(kernel)
    assert row.performance is None or row.performance == pytest.approx(row.baseline, abs=0.05)


def test_accuracy_is_blind_to_a_third_of_the_cases_being_missed():
    assert TIER_2 not in reached(judged("accuracy", classes(BAD["sensitivity"]))[1])


def test_what_the_metric_leaves_out_is_still_a_label_and_tells_about_the_confidence():
    kernel, _, _ = judged("sensitivity", classes(GOOD, n=1000, **{attributes.CONFIDENCE_SCORE: 0.9}))
    calibration = kernel.calibration()[0]
    assert calibration.labels == 1000
    assert row_of(kernel).labels == pytest.approx(200, abs=40)
    assert kernel.estimates()[0].validity is EstimateValidity.NO_REFERENCE


@pytest.mark.parametrize("cell", [None, "sort of positive", 7])
def test_an_outcome_without_a_class_is_reported_and_not_counted(cell):
    kernel, _, reasons = judged("sensitivity", classes(GOOD, n=50, **{attributes.OUTCOME_CLASS: cell}))
    assert row_of(kernel).labels == 0
    assert len(reasons) == 50
    assert "the metric of the model counts classes" in reasons[0]


MARKS = {action: VERDICTS.index((action, attention)) + 1 for action, attention in VERDICTS}
ACCEPTED = VERDICTS.index((ReviewAction.ACCEPTED, ReviewAttention.CONSIDERED)) + 1


def reviewed(overridden, n=2000, seed=5):
    """Return inferences, a review of each, and an outcome that always says: right."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        at = START + 30.0 * number
        mark = MARKS[ReviewAction.EDITED] if rng.random() < overridden else ACCEPTED
        rows += [
            inference(number, at),
            review(number, at + 20.0, mark, inferred=at),
            outcome(number, at + 25.0, inferred=at, score=1.0, confidence=0.9),
        ]
    return batch(rows)


def of_reviews():
    policy = make_policy(metric="override_ratio", standardise_by="null", drop="points", maturity="1h")
    builder = BaselineBuilder.for_model("coding", policy.models["coding"])
    for number in range(5000):
        builder.add({"department": "cardiology", "payer": "medicaid"}, float(number % 5 > 0))
    return Kernel(policy, {"coding": builder.build()})


def overrides(overridden, n=2000):
    kernel = of_reviews()
    return kernel, run(kernel, reviewed(overridden, n), to=START + 30.0 * n + 8000.0)


def test_overrides_that_become_frequent_reach_tier_2_and_never_3():
    kernel, transitions = overrides(0.45)
    assert TIER_2 in reached(transitions)
    row = row_of(kernel)
    assert TIER_3 not in row.evidence
    assert (row.baseline, row.performance) == (pytest.approx(0.2), pytest.approx(0.45, abs=0.03))
    assert row.drop == pytest.approx(0.25, abs=0.04)


def test_overrides_as_frequent_as_ever_reach_no_tier():
    assert not reached(overrides(0.2)[1])


def test_the_last_review_counts_and_outcomes_stay_out_of_the_override_ratio():
    kernel, rejected = of_reviews(), MARKS[ReviewAction.REJECTED]
    again = [
        review(n, START + 30.0 * n + 60.0, rejected, inferred=START + 30.0 * n, event=7_000_000 + n) for n in range(100)
    ]
    kernel.apply(reviewed(0.2, 100))
    applied = kernel.apply(batch(again))
    kernel.advance(to=START + 10_000.0)
    assert applied.duplicates == 0
    row = row_of(kernel)
    assert (row.labels, row.performance) == (100, 1.0)


def test_an_answer_that_was_ignored_was_not_overridden():
    rows = [review(n, START + n, MARKS[ReviewAction.IGNORED], inferred=START + n) for n in range(50)]
    kernel, _ = overrides(0.2, n=1)
    before = row_of(kernel).labels
    kernel.apply(batch(rows))
    kernel.advance(to=START + 90_000.0)
    assert row_of(kernel).labels == before
