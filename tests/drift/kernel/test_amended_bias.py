"""Evidence that a confidence is wrong, after amendments: never more than as they were fed, nor as they are now."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.kernel._bias import BiasDesign, BiasTest
from otel_clinical.drift.kernel._calibration import Calibration, Pairs
from tests.drift.kernel._world import START, batch, make_baseline, make_policy, outcome, run

if TYPE_CHECKING:
    from numpy.typing import NDArray

MICRO = 1_000_000
SLOT = 300 * MICRO
SPAN = 4 * SLOT
MODEL = make_policy().models["coding"]
DESIGN = BiasDesign.of(MODEL, make_baseline(), 1e6)

pairs = st.tuples(st.sampled_from([MICRO // 5, MICRO // 2, 9 * MICRO // 10]), st.sampled_from([0, MICRO // 2, MICRO]))
slots = st.lists(st.lists(pairs, min_size=1, max_size=12), min_size=1, max_size=8)
changes = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 10**6), st.sampled_from([0, MICRO // 2, MICRO])), max_size=12
)


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def by_hand(history: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the statistic of every cell as the definition has it: one bet begins at each outcome, and all add up."""
    found = np.zeros((2, len(DESIGN.stakes)))
    for confidence, score in history:
        high = (MICRO + confidence - score) / (2 * MICRO)
        gains = np.array([[high], [1.0 - high]]) - DESIGN.null
        found = (found + 1.0) * (1.0 + DESIGN.stakes * gains)
    return np.asarray(np.log(found))


@settings(max_examples=150, deadline=None)
@given(slots, changes)
def test_evidence_is_at_most_that_of_the_scores_as_fed_and_as_they_are_now(told, amendments) -> None:
    test = BiasTest(DESIGN)
    history: list[list[int]] = []
    places: list[int] = []
    as_fed: list[tuple[int, int]] = []
    amended = False
    for slot, outcomes in enumerate(told):
        for turn, which, score in amendments:
            if turn == slot and places:
                place = which % len(places)
                confidence, was = history[place]
                test.correct(ints(confidence), ints(was), ints(score), ints(places[place] * SLOT))
                history[place][1] = score
                amended |= was != score
        confidences, scores = (ints(*values) for values in zip(*outcomes, strict=True))
        test.feed(confidences, scores, (slot + 1) * SLOT)
        places += [slot] * len(outcomes)
        history += [list(outcome) for outcome in outcomes]
        as_fed += outcomes
        for bound in (by_hand([(confidence, score) for confidence, score in history]), by_hand(as_fed)):
            assert (test.log_s <= bound + 1e-9).all()
    assert amended or np.allclose(test.log_s, by_hand(as_fed))


def summed(told: list[list[list[int]]], since: int) -> tuple[list[list[int]], int]:
    """Return bins and squares of the outcomes of the slots from `since` on, as they are now."""
    bins, squares = np.zeros((3, 10), np.int64), 0
    for outcomes in told[max(since, 0) :]:
        for confidence, score in outcomes:
            bins[:, min(confidence * 10 // MICRO, 9)] += ints(1, confidence, score)
            squares += (confidence - score) ** 2
    return bins.tolist(), squares


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(pairs, max_size=6), min_size=1, max_size=24), changes, st.integers(0, 12), st.booleans())
def test_what_came_lately_is_what_came_in_this_span_and_the_one_before_amended_or_not(
    told, amendments, later, restart
) -> None:
    """Slots without outcomes are not fed, whole spans may be silent, and an amendment finds its own span."""
    calibration = Calibration.fresh(DESIGN, SPAN)
    history: list[list[list[int]]] = []
    for slot, outcomes in enumerate(told):
        for turn, which, score in amendments:
            fed = [(place, one) for place, part in enumerate(history) for one in part]
            if turn == slot % 8 and fed:
                place, one = fed[which % len(fed)]
                calibration.correct(ints(one[0]), ints(one[1]), ints(score), ints(place * SLOT))
                one[1] = score
        history.append([list(one) for one in outcomes])
        if outcomes:
            confidences, scores = (ints(*values) for values in zip(*outcomes, strict=True))
            everyone = np.arange(len(outcomes))
            calibration.feed(Pairs.of(DESIGN, confidences, scores), everyone, (slot + 1) * SLOT)
        if restart:
            saved, calibration = calibration.dumps(), Calibration.fresh(DESIGN, SPAN)
            assert calibration.loads(saved)
    now = (len(told) + later) * SLOT
    span = (now - 1) // SPAN
    bins, squares = calibration.lately(now)
    assert (bins.tolist(), squares) == summed(history, (span - 1) * 4)
    assert (calibration.bins.tolist(), calibration.squares) == summed(history, 0)


def too_sure(withdrawn: int, *, old: bool) -> BiasTest:
    """Return the test of 200 fair scores and then 120 of a confidence that is too high; some errors are withdrawn."""
    test = BiasTest(DESIGN)
    test.feed(np.full(200, 9 * MICRO // 10), np.resize(ints(0, *[MICRO] * 9), 200), SLOT)
    assert test.settled == SLOT
    test.feed(np.full(120, 9 * MICRO // 10), np.zeros(120, np.int64), 2 * SLOT)
    if withdrawn:
        charged = np.full(withdrawn, 0 if old else SLOT)
        full = np.full(withdrawn, MICRO)
        test.correct(np.full(withdrawn, 9 * MICRO // 10), full * 0, full, charged)
    return test


def test_errors_that_are_withdrawn_take_the_proof_away_unless_they_are_older_than_it() -> None:
    assert too_sure(0, old=False).evidence()[0] >= 1.0
    assert too_sure(110, old=False).evidence()[0] < 1e-3
    assert too_sure(20, old=True).evidence()[0] >= 1.0


def test_a_state_goes_on_to_the_same_bytes_and_one_of_before_only_ever_loses_evidence() -> None:
    calibration = Calibration(too_sure(30, old=False), SPAN)
    again = Calibration.fresh(DESIGN, SPAN)
    assert again.loads(calibration.dumps())
    assert again.dumps() == calibration.dumps()
    quiet = Calibration.fresh(DESIGN, SPAN)
    quiet.feed(Pairs.of(DESIGN, ints(MICRO // 2), ints(MICRO)), np.array([0]), SLOT)
    assert again.loads(quiet.dumps())
    assert again.dumps() == quiet.dumps()
    before = BiasTest(DESIGN)
    before.restore({"log_s": calibration.test.log_s}, None)
    before.correct(ints(9 * MICRO // 10), ints(0), ints(MICRO), ints(0))
    assert (before.log_s[0] < calibration.test.log_s[0]).all()


@pytest.mark.parametrize("withdrawn", [False, True])
def test_the_kernel_takes_the_proof_away_with_the_errors_that_made_it(withdrawn: bool) -> None:  # noqa: FBT001
    policy = make_policy(maturity="0s", lateness="2h", standardise_by="null")
    told = [(n, START + 20.0 * n, float(n % 10 > 5)) for n in range(2000)]
    rows: list[Any] = [outcome(n, at + 5.0, inferred=at, score=score, confidence=0.95) for n, at, score in told]
    kernel = Kernel(policy, {"coding": make_baseline()})
    run(kernel, batch(rows), to=START + 2100 * 20.0)
    if withdrawn:
        late = [
            outcome(n, START + 43_000.0, inferred=at, score=1.0, confidence=0.95, event=50_000 + n)
            for n, at, score in told
            if not score
        ]
        kernel.apply(batch(late))
        kernel.advance(to=START + 60_000.0)
    row = kernel.calibration()[0]
    assert (row.overconfident >= 1.0) is not withdrawn
    assert math.isfinite(row.brier)
