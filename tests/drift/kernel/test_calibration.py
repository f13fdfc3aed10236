"""Calibration is a matter of sums; proof of miscalibration and the estimate without labels hold what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from otel_clinical.drift.kernel import Kernel, TierChange
from otel_clinical.policy import BaselineBuilder
from otel_clinical.semconv.enums import EstimateValidity
from tests.drift.kernel._world import START, batch, inference, make_policy, outcome, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_clinical.policy import Baseline

POLICY = make_policy(maturity="1h", standardise_by="null")
GAP = 20.0


def _baseline() -> Baseline:
    """Return a reference whose confidence is right on average."""
    rng = np.random.default_rng(1)
    builder = BaselineBuilder.for_model("coding", POLICY.models["coding"])
    for confidence in rng.uniform(0.5, 1.0, 20_000).tolist():
        segments = {"payer": "medicaid", "department": "cardiology"}
        builder.add(segments, float(rng.random() < confidence), confidence=confidence)
    return builder.build()


BASELINE = _baseline()


def _kernel(
    n: int, *, later: float = 0.5, right: Callable[[float], float] = lambda confidence: confidence, labelled: int = 0
) -> tuple[Kernel, list[tuple[float, float]]]:
    """Return a kernel after `n` inferences, the first `labelled` of them with an outcome, and the whole truth."""
    rng = np.random.default_rng(7)
    rows: list[Any] = []
    truth = []
    for number in range(n):
        at, confidence = START + number * GAP, float(rng.uniform(0.5 if number < labelled else later, 1.0))
        score = float(rng.random() < right(confidence))
        truth.append((round(confidence, 6), score))
        rows.append(inference(number, at, confidence=confidence))
        if number < labelled:
            rows.append(outcome(number, at + 5.0, inferred=at, score=score, confidence=confidence))
    kernel = Kernel(POLICY, {"coding": BASELINE})
    run(kernel, batch(rows), to=START + n * GAP + 3600.0)
    return kernel, truth


def test_the_sums_are_those_of_the_textbook() -> None:
    kernel, truth = _kernel(600, labelled=600)
    kernel.advance(to=START + 20_000.0)
    pairs = np.array(truth)
    row = kernel.calibration()[0]
    assert (row.segment, row.labels, row.recent) == ("all", 600, 600)
    assert row.bias == pytest.approx((pairs[:, 0] - pairs[:, 1]).mean(), abs=2e-6)
    assert row.brier == pytest.approx(((pairs[:, 0] - pairs[:, 1]) ** 2).mean(), abs=2e-6)
    places = np.minimum((pairs[:, 0] * 10).astype(int), 9)
    gaps = [abs((pairs[places == b, 0] - pairs[places == b, 1]).sum()) for b in range(10)]
    assert row.error == pytest.approx(sum(gaps) / 600, abs=2e-6)
    assert sum(one.labels for one in row.bins) == 600


@pytest.mark.parametrize(("shift", "proved"), [(0.0, ""), (-0.04, ""), (0.04, ""), (-0.25, "over"), (0.25, "under")])
def test_evidence_proves_a_bias_beyond_the_tolerance_and_nothing_within(shift: float, proved: str) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for number in range(4000):
        at, confidence = START + number * GAP, float(rng.uniform(0.3, 0.7))
        score = float(rng.random() < confidence + shift)
        rows.append(outcome(number, at + 5.0, inferred=at, score=score, confidence=confidence))
    kernel = Kernel(POLICY, {"coding": BASELINE})
    run(kernel, batch(rows), to=START + 5000 * GAP)
    row = kernel.calibration()[0]
    assert (row.overconfident >= 1.0, row.underconfident >= 1.0) == (proved == "over", proved == "under")


def test_the_figures_are_of_the_display_window_and_forget_what_was_before_it() -> None:
    """For two days the confidence means what it says, then it is a quarter too high: the figures say what is so now."""
    change = round(2 * 86_400.0 / GAP)
    rng = np.random.default_rng(4)
    rows = []
    for number in range(2 * change):
        at, confidence = START + number * GAP, float(rng.uniform(0.4, 0.8))
        score = float(rng.random() < confidence - (0.25 if number >= change else 0.0))
        rows.append(outcome(number, at + 5.0, inferred=at, score=score, confidence=confidence))
    kernel = Kernel(POLICY, {"coding": BASELINE})
    run(kernel, batch(rows[:change]), size=4000)
    early = kernel.calibration()[0]
    run(kernel, batch(rows[change:]), size=4000, to=START + 4 * 86_400.0)
    late = kernel.calibration()[0]
    assert abs(early.bias) < 0.03
    assert late.bias == pytest.approx(0.25, abs=0.03)  # since the activation it is half of that
    assert late.error == pytest.approx(0.25, abs=0.03)
    assert late.labels > 2 * late.recent > 2000
    kernel.advance(to=START + 7 * 86_400.0)
    assert (kernel.calibration()[0].labels, kernel.calibration()[0].recent) == (2 * change, 0)


def test_outcomes_without_a_confidence_say_nothing() -> None:
    kernel = Kernel(POLICY, {"coding": BASELINE})
    rows = [outcome(n, START + n + 5.0, inferred=START + n, score=0.0) for n in range(500)]
    run(kernel, batch(rows), to=START + 9000.0)
    assert kernel.calibration() == []
    assert kernel.evidence()[0].labels == 500


def test_the_estimate_follows_a_change_of_the_cases() -> None:
    """Later inferences are harder, and the model knows: their confidence falls with their truth."""
    rng = np.random.default_rng(5)
    rows: list[Any] = []
    truth = []
    for number in range(4000):
        hard = number >= 2000
        at, confidence = START + number * GAP, float(rng.uniform(0.5, 0.7) if hard else rng.uniform(0.8, 1.0))
        score = float(rng.random() < confidence)
        rows.append(inference(number, at, confidence=confidence))
        if hard:
            truth.append(score)
        else:
            rows.append(outcome(number, at + 5.0, inferred=at, score=score, confidence=confidence))
    kernel = Kernel(POLICY, {"coding": BASELINE})
    moved = run(kernel, batch(rows), to=START + 4000 * GAP)
    (row,) = kernel.estimates()
    assert row.validity is EstimateValidity.VALID
    assert row.performance == pytest.approx(sum(truth) / len(truth), abs=0.03)
    assert (row.performance or 1.0) < BASELINE.ratio() - 0.1
    # A drop of a fifth that is only estimated: no label proves it, so no stream enters a tier, whatever its size.
    assert (row.performance or 1.0) < 0.85 * BASELINE.ratio()
    assert [change for change in moved if isinstance(change, TierChange)] == []
    assert {max(one.evidence.values()) < 1.0 for one in kernel.evidence()} == {True}
    assert kernel.attributions() == []


def test_each_segment_value_has_its_own_calibration_and_its_own_proof() -> None:
    """Medicaid's confidence is a fifth too high and Medicare's a fifth too low: on average it is right."""
    rng = np.random.default_rng(9)
    rows: list[Any] = []
    for number in range(4000):
        payer, off = (("medicaid", -0.2), ("medicare", 0.2))[number % 2]
        at, confidence = START + number * GAP, float(rng.uniform(0.3, 0.7))
        score = float(rng.random() < confidence + off)
        about = {"payer": payer, "confidence": confidence}
        rows.append(inference(number, at, **about))
        rows.append(outcome(number, at + 5.0, inferred=at, score=score, **about))
    kernel = Kernel(POLICY, {"coding": BASELINE})
    run(kernel, batch(rows), to=START + 4000 * GAP + 7200.0)
    found = {(row.segment, row.value): row for row in kernel.calibration()}
    whole, high, low = (found[key] for key in (("all", "all"), ("payer", "medicaid"), ("payer", "medicare")))
    assert abs(whole.bias) < 0.03
    assert max(whole.overconfident, whole.underconfident) < 1.0
    assert high.bias == pytest.approx(0.2, abs=0.04)
    assert low.bias == pytest.approx(-0.2, abs=0.04)
    assert high.error == pytest.approx(0.2, abs=0.04)
    assert high.overconfident >= 1.0 > high.underconfident
    assert low.underconfident >= 1.0 > low.overconfident


def test_under_concept_drift_the_estimate_is_wrong_and_says_so() -> None:
    kernel, truth = _kernel(4000, right=lambda confidence: confidence - 0.3, labelled=2000)
    (row,) = kernel.estimates()
    real = sum(score for _, score in truth[2000:]) / 2000
    assert row.performance is not None
    assert row.performance > real + 0.2
    assert row.validity is EstimateValidity.MISCALIBRATED


def test_without_outcomes_nobody_vouches_for_the_estimate() -> None:
    kernel, _ = _kernel(1000)
    assert kernel.estimates()[0].validity is EstimateValidity.UNVERIFIED


def test_confidences_that_the_reference_never_saw_make_the_estimate_invalid() -> None:
    kernel, _ = _kernel(2000, later=0.1, labelled=1000)
    assert kernel.estimates()[0].validity is EstimateValidity.OUTSIDE_REFERENCE


def test_few_inferences_without_outcome_make_the_estimate_invalid() -> None:
    kernel, _ = _kernel(1000, labelled=950)
    assert kernel.estimates()[0].validity is EstimateValidity.FEW_INFERENCES
    assert kernel.estimates()[0].inferences == 50


def test_a_baseline_without_curve_gives_no_estimate() -> None:
    builder = BaselineBuilder.for_model("coding", POLICY.models["coding"])
    builder.add({}, 1.0)
    kernel = Kernel(POLICY, {"coding": builder.build()})
    run(kernel, batch([inference(1, START, confidence=0.9)]), to=START + 900.0)
    (row,) = kernel.estimates()
    assert (row.performance, row.validity) == (None, EstimateValidity.NO_REFERENCE)
