"""What the evidence promises, by simulation: seeded, short, and with the real code."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift.detectors import log_growth, sr_path
from otel_clinical.drift.kernel._design import StreamDesign, design_stream, thresholds
from otel_clinical.drift.kernel._outcomes import Outcomes, OutcomeStream
from otel_clinical.policy import Baseline, Cell
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel._world import make_policy

ACCURACY = 0.90
YEAR_DAYS = 365.25
MODEL = make_policy().models["coding"].model_copy(update={"standardise_by": None, "segments": {}})
LEVELS = tuple(MODEL.tiers)
TIER_3 = EscalationLevel.ROLLBACK


def design(threshold: float, reference: int = 5000) -> StreamDesign:
    baseline = Baseline("coding", None, "accuracy", {("all", "all", "all"): Cell(reference, reference * ACCURACY)})
    return design_stream(MODEL, baseline, dict.fromkeys(LEVELS, threshold), "all", "all")


def scores(rng: np.random.Generator, n: int, drop: float) -> np.ndarray:
    return (rng.random(n) < ACCURACY * (1.0 - drop)) * 1_000_000


def crossings(plan: StreamDesign, level: EscalationLevel, drop: float, runs: int, labels: int) -> float:
    """Return the share of runs in which the evidence of a tier ever reaches 1."""
    rng = np.random.default_rng(20)
    strata = np.zeros(labels, np.intp)
    crossed = 0
    for _ in range(runs):
        errors = 1.0 - scores(rng, labels, drop) / 1e6
        growth = log_growth(errors, plan.null[strata], plan.bets[strata])
        path = sr_path(np.full(growth.shape[1], -np.inf), growth)[:, plan.cells[level]]
        crossed += np.logaddexp.reduce(path, axis=1).max() >= plan.log_thresholds[level]
    return crossed / runs


def labels_until(plan: StreamDesign, level: EscalationLevel, drop: float, seed: int, most: int = 6000) -> float:
    """Return after how many labels a tier is reached (both keys and the minimum), in steps of 10."""
    rng = np.random.default_rng([31, seed])
    stream, tier = OutcomeStream(plan, 10**12), MODEL.tiers[level]
    place = list(plan.cells).index(level)
    for n in range(10, most, 10):
        times = np.arange(n - 10, n)
        stream.feed(Outcomes(np.zeros(10, np.intp), scores(rng, 10, drop), times, times), n)
        if stream.latched[place]:
            samples, found, _ = stream.change.estimate(plan)
            if samples >= tier.minimum_labels and found >= tier.drop:
                return n
    return np.inf


@pytest.mark.parametrize(("drop", "published"), [(0.15, 507), (0.20, 227), (0.30, 106)])
def test_tier_3_is_reached_after_the_published_number_of_labels(drop, published):
    plan = design(10 * YEAR_DAYS * 1000)
    median = np.median([labels_until(plan, TIER_3, drop, seed) for seed in range(41)])
    assert median == pytest.approx(published, rel=0.25)


def test_nothing_changed_never_reaches_tier_3():
    assert crossings(design(10 * YEAR_DAYS * 100), TIER_3, 0.0, runs=60, labels=20_000) == 0.0


@pytest.mark.parametrize("level", LEVELS)
def test_a_drop_of_exactly_the_guard_stays_within_the_budget(level):
    """Within t labels at most t / A of the streams may cross, if the reference is known exactly."""
    runs, labels, threshold = 300, 1000, 5000.0
    rate = crossings(design(threshold, 10**9), level, MODEL.tiers[level].guard, runs, labels)
    budget = labels / threshold
    assert rate <= budget + 3.0 * np.sqrt(budget * (1.0 - budget) / runs)


def test_an_unlucky_reference_is_allowed_for():
    """The reference was two standard errors too good: no drop, and none is proved."""
    lucky = Baseline("coding", None, "accuracy", {("all", "all", "all"): Cell(500, 500 * (ACCURACY + 0.027))})
    plan = design_stream(MODEL, lucky, dict.fromkeys(LEVELS, 10 * YEAR_DAYS * 100), "all", "all")
    assert crossings(plan, TIER_3, 0.0, runs=60, labels=5000) == 0.0


def test_partial_scores_are_bets_too():
    """Scores between 0 and 1 with the tolerated mean: the same promise, at half the variance."""
    plan, runs, labels = design(2000.0, 10**9), 300, 500
    rng, crossed = np.random.default_rng(8), 0
    accuracy = ACCURACY * (1.0 - MODEL.tiers[TIER_3].guard)
    strata = np.zeros(labels, np.intp)
    for _ in range(runs):
        errors = 1.0 - rng.beta(4 * accuracy, 4 * (1.0 - accuracy), labels)
        growth = log_growth(errors, plan.null[strata], plan.bets[strata])
        assert np.isfinite(growth).all()
        path = sr_path(np.full(growth.shape[1], -np.inf), growth)[:, plan.cells[TIER_3]]
        crossed += np.logaddexp.reduce(path, axis=1).max() >= plan.log_thresholds[TIER_3]
    assert crossed / runs <= labels / 2000.0


def test_the_threshold_counts_every_stream_that_a_label_feeds():
    policy = make_policy(per_day="100")
    years = {level: tier.false_alarms.years for level, tier in policy.models["coding"].tiers.items()}
    yearly = 365.25 * 100 * (1 + 2)
    assert thresholds(policy)["coding"] == {level: pytest.approx(y * yearly) for level, y in years.items()}
