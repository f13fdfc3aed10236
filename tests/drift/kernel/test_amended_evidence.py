"""Evidence after amendments: never more than that of the outcomes as they were fed, nor as they are now."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.kernel._amend import Amended
from otel_clinical.drift.kernel._design import design_stream
from otel_clinical.drift.kernel._outcomes import Outcomes, OutcomeStream
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel._world import make_baseline, make_policy

MICRO = 1_000_000
SLOT = 300 * MICRO
MODEL = make_policy().models["coding"]
LIMITS = dict.fromkeys(EscalationLevel, 1000.0)
DESIGN = design_stream(MODEL, make_baseline(), LIMITS, "all", "all")

slots = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, MICRO // 2, MICRO])), min_size=1, max_size=12),
    min_size=1,
    max_size=8,
)
changes = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 10**6), st.sampled_from([0, MICRO // 2, MICRO])), max_size=12
)


def fed(strata: list[int], scores: list[int], slot: int) -> Outcomes:
    at = slot * SLOT + np.arange(len(scores), dtype=np.int64)
    return Outcomes(np.array(strata, np.intp), np.array(scores, np.int64), at, at)


def by_hand(history: list[tuple[int, int]]) -> list[float]:
    """Return the statistic of every cell as the definition has it: one bet begins at each outcome, and all add up."""
    found = []
    for cell in range(DESIGN.null.shape[1]):
        total = 0.0
        for stratum, score in history:
            null, stake = DESIGN.null[stratum, cell], DESIGN.bets[stratum, cell]
            total = (total + 1.0) * (1.0 + stake * ((MICRO - score) / MICRO - null))
        found.append(math.log(total))
    return found


@settings(max_examples=200, deadline=None)
@given(slots, changes)
def test_evidence_is_at_most_that_of_the_outcomes_as_fed_and_as_they_are_now(told, amendments) -> None:
    stream = OutcomeStream(DESIGN, SLOT)
    history: list[list[int]] = []
    places: list[tuple[int, int]] = []
    as_fed: list[tuple[int, int]] = []
    for slot, outcomes in enumerate(told):
        for turn, which, score in amendments:
            if turn == slot and places:
                place = which % len(places)
                stratum, was = history[place]
                if was == score:
                    continue
                one = [np.array([value]) for value in (stratum, was, score, True, True)]
                stream.amend(Amended(*one, np.array([places[place][0] * SLOT + places[place][1]])))
                history[place][1] = score
        stream.feed(fed(*map(list, zip(*outcomes, strict=True)), slot), (slot + 1) * SLOT)
        places += [(slot, index) for index in range(len(outcomes))]
        history += [list(outcome) for outcome in outcomes]
        as_fed += outcomes
        for bound in (by_hand([tuple(one) for one in history]), by_hand(as_fed)):
            assert (stream.log_s <= np.array(bound) + 1e-9).all()
    assert stream.amended or np.allclose(stream.log_s, by_hand(as_fed))
    assert sum(both[1] for both in stream.recent.values()) == sum(score for _, score in history)


def grown(withdrawn: int, *, old: bool) -> OutcomeStream:
    """Return a stream of 300 good and then 60 bad outcomes, some errors of which, old or new, are withdrawn."""
    stream = OutcomeStream(DESIGN, SLOT)
    stream.feed(fed([1] * 300, [0, *[MICRO] * 4] * 60, 0), SLOT)
    stream.feed(fed([1] * 200, [MICRO] * 200, 1), 2 * SLOT)  # nothing is left of it
    assert stream.settled == 2 * SLOT
    stream.feed(fed([1] * 60, [0] * 60, 2), 3 * SLOT)
    if withdrawn:
        at = np.arange(withdrawn, dtype=np.int64) * (5 if old else 1) + (0 if old else 2 * SLOT)
        zero, full = np.zeros(withdrawn, np.int64), np.full(withdrawn, MICRO)
        yes = np.ones(withdrawn, np.bool_)
        stream.amend(Amended(np.ones(withdrawn, np.intp), zero, full, yes, yes, at))
    return stream


def test_errors_from_before_the_change_take_no_proof_of_it_away() -> None:
    plain, mended = grown(0, old=True), grown(60, old=True)
    fresh = OutcomeStream(DESIGN, SLOT)
    fresh.feed(fed([1] * 60, [0] * 60, 2), 3 * SLOT)
    assert (mended.log_s >= fresh.log_s - 1e-9).all()
    assert (mended.log_s <= plain.log_s).all()
    assert mended.latched == plain.latched == [True, True, True]
    assert mended.change.estimate(DESIGN) == plain.change.estimate(DESIGN)


def test_errors_of_the_change_itself_take_its_proof_and_its_drop_away() -> None:
    mended = grown(55, old=False)
    samples, drop, since = mended.change.estimate(DESIGN)
    assert mended.latched == [False, False, False]
    assert (samples, since) == (60, 2 * SLOT)
    assert drop < grown(0, old=False).change.estimate(DESIGN)[1] / 2


def test_a_right_answer_that_turns_out_wrong_adds_no_evidence_and_counts_in_the_drop() -> None:
    stream, amended = OutcomeStream(DESIGN, SLOT), OutcomeStream(DESIGN, SLOT)
    for one in (stream, amended):
        one.feed(fed([1] * 30, [0, 0, MICRO] * 10, 0), SLOT)
    yes = np.ones(1, np.bool_)
    amended.amend(Amended(np.ones(1, np.intp), np.array([MICRO]), np.array([0]), yes, yes, np.array([2], np.int64)))
    assert np.array_equal(amended.log_s, stream.log_s)
    assert amended.change.estimate(DESIGN)[1] > stream.change.estimate(DESIGN)[1]
    assert amended.withdrawn == -MICRO


def test_a_state_from_before_amendments_goes_on_and_only_ever_loses_evidence() -> None:
    stream = grown(0, old=True)
    again = OutcomeStream(DESIGN, SLOT)
    assert again.loads(stream.dumps())
    assert again.dumps() == stream.dumps()
    again.settled, again.log_old = 0, np.full_like(again.log_s, -np.inf)  # as such a state is read
    zero, yes = np.zeros(1, np.int64), np.ones(1, np.bool_)
    again.amend(Amended(np.ones(1, np.intp), zero, zero + MICRO, yes, yes, zero))
    assert (again.log_s < stream.log_s).all()
