"""Evidence rows: what is proved, for which segment, since when, and for how long it stays proved."""

from __future__ import annotations

import math

import numpy as np
import pytest

from otel_clinical.drift.explode import Kind
from otel_clinical.drift.kernel import DriftDetected, TierChange
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel._world import (
    DEPARTMENTS,
    MIX,
    START,
    World,
    batch,
    inference,
    make_baseline,
    make_kernel,
    make_policy,
    outcome,
    row_of,
    run,
)

TIER_1, TIER_2, TIER_3 = (
    EscalationLevel.ENGINEERING_REVIEW,
    EscalationLevel.GOVERNANCE_REVIEW,
    EscalationLevel.ROLLBACK,
)


def tiers_reached(transitions):
    """Return every (segment, value, tier) that was ever reached."""
    return {
        (found.row.segment, found.row.value, found.level)
        for found in transitions
        if isinstance(found, TierChange) and found.level is not EscalationLevel.NONE
    }


def end_of(world, n):
    return START + n * world.gap + 4000.0


@pytest.mark.parametrize("seed", range(3))
def test_nothing_changed_reaches_no_tier(seed):
    world = World(seed)
    assert tiers_reached(run(make_kernel(), world.records(3000), to=end_of(world, 3000))) == set()


@pytest.mark.parametrize("seed", range(3))
def test_a_shift_of_the_mix_to_a_poor_stratum_is_no_drop(seed):
    """Simpson: accuracy falls from 0.905 to 0.825 as a whole, and in no department."""
    surge = World(seed, mix={"cardiology": 0.05, "emergency": 0.15, "oncology": 0.8})
    kernel = make_kernel()
    found = run(kernel, World(seed).records(1500))
    found += run(kernel, surge.records(3000, first=1500), to=end_of(surge, 4500))
    assert row_of(kernel).performance == pytest.approx((1500 * 0.905 + 3000 * 0.825) / 4500, abs=0.03)
    assert tiers_reached(found) == set()
    assert any(isinstance(f, DriftDetected) and f.row.signal == "segment_mix" for f in found)


def test_a_drop_in_one_payer_fires_for_that_payer_alone():
    world = World(1, drop=lambda n, _d, payer: 0.2 if n >= 2000 and payer == "private" else 0.0)
    kernel = make_kernel()
    transitions = run(kernel, world.records(6000), to=end_of(world, 6000))
    reached = tiers_reached(transitions)
    assert {(segment, value) for segment, value, level in reached if level is TIER_3} == {("payer", "private")}
    # Every department has a quarter of its patients with that payer: people may hear of it, for the other payers not.
    assert {value for segment, value, _ in reached if segment == "payer"} == {"private"}
    row = row_of(kernel, "payer", "private")
    assert row.drop == pytest.approx(0.2, abs=0.05)
    assert row.change_point == pytest.approx(START + 2000 * world.gap, abs=150 * world.gap)


def test_a_bad_release_fires_everywhere_and_the_tiers_come_in_order():
    world = World(2, drop=lambda *_: 0.25)
    first: dict[EscalationLevel, float] = {}
    for found in run(make_kernel(), world.records(1500), to=end_of(world, 1500)):
        if isinstance(found, TierChange) and found.row.segment == "all":
            first.setdefault(found.level, found.at)
    assert first[TIER_2] <= first[TIER_3]
    assert TIER_1 not in first or first[TIER_1] <= first[TIER_3]


def test_drop_is_standardised_to_the_mix_of_the_reference():
    """All departments lose a tenth, and the mix moves at the same time."""
    world = World(4, mix={"cardiology": 0.1, "emergency": 0.2, "oncology": 0.7}, drop=lambda *_: 0.1)
    kernel = make_kernel()
    run(kernel, world.records(4000), to=end_of(world, 4000))
    assert row_of(kernel).drop == pytest.approx(0.1, abs=0.02)


def test_drop_in_points():
    world = World(4, drop=lambda *_: 0.2)
    kernel = make_kernel(make_policy(drop="points"))
    run(kernel, world.records(3000), to=end_of(world, 3000))
    expected = sum(MIX[d] * DEPARTMENTS[d] * 0.2 for d in MIX)
    assert row_of(kernel).drop == pytest.approx(expected, abs=0.03)


def test_evidence_is_latched_while_the_change_lasts_and_released_when_it_is_over():
    """Old proof vouches neither for a repaired model nor for the next unlucky run of labels."""
    world = World(5, drop=lambda n, *_: 0.3 if n < 800 else 0.0)
    kernel = make_kernel()
    run(kernel, world.records(800), to=end_of(world, 800))
    proved = row_of(kernel)
    run(kernel, world.records(100, first=800), to=end_of(world, 900))
    soon = row_of(kernel)
    run(kernel, world.records(12_000, first=900), size=5000, to=end_of(world, 12_900))
    later = row_of(kernel)
    assert proved.latched[TIER_3]
    assert soon.latched[TIER_3]
    assert soon.evidence[TIER_3] >= proved.evidence[TIER_3] >= 1.0
    assert not any(later.latched.values())
    assert later.evidence == later.current
    assert max(later.evidence.values()) < 1.0


def test_a_second_drop_needs_its_own_proof():
    world = World(7, drop=lambda n, *_: 0.3 if n < 800 or n >= 13_000 else 0.0)
    kernel = make_kernel()
    run(kernel, world.records(13_000), size=5000, to=end_of(world, 13_000))
    assert not any(row_of(kernel).latched.values())
    run(kernel, world.records(800, first=13_000), to=end_of(world, 13_800))
    assert row_of(kernel).latched[TIER_3]


def test_a_new_activation_begins_without_evidence():
    world = World(6, drop=lambda *_: 0.3)
    kernel = make_kernel()
    run(kernel, world.records(800), to=end_of(world, 800))
    assert row_of(kernel).latched[TIER_3]
    again = World(6, activation=3).records(5, first=900)
    run(kernel, again)
    row = row_of(kernel)
    assert (row.activation, row.labels) == (3, 0)
    assert set(row.evidence.values()) == {0.0}
    assert not any(row.latched.values())


def test_late_outcomes_go_to_the_activation_that_earned_them():
    kernel = make_kernel()
    kernel.apply(batch([inference(1, START), inference(2, START + 10.0, activation=2)]))
    kernel.apply(batch([outcome(1, START + 5000.0, inferred=START, score=0.0, activation=1)]))
    kernel.advance(to=START + 9000.0)
    row = row_of(kernel)
    assert (row.activation, row.labels) == (2, 0)


def test_every_declared_segment_value_has_a_row_before_its_first_outcome():
    kernel = make_kernel()
    kernel.apply(batch([inference(1, START)]))
    rows = {(row.segment, row.value): row for row in kernel.evidence()}
    assert len(rows) == 1 + 4 + 3
    assert {row.labels for row in rows.values()} == {0}
    assert {value for row in rows.values() for value in row.evidence.values()} == {0.0}
    assert all(row.performance is None and row.change_point is None for row in rows.values())


def test_evidence_is_finite_after_a_year_of_nothing_but_errors():
    rows = [outcome(n, START + n, inferred=START + n, score=0.0, department="oncology") for n in range(20_000)]
    kernel = make_kernel(make_policy(maturity="0s", slot="1h"))
    run(kernel, batch(rows), size=20_000, to=START + 30_000.0)
    row = row_of(kernel)
    assert list(row.evidence.values()) == pytest.approx([1e9] * 3)
    assert all(math.isfinite(value) for value in (row.drop, *row.current.values()))


def test_partial_scores_count_in_part():
    kernel = make_kernel(make_policy(maturity="0s"))
    rows = [
        outcome(n, START + n, inferred=START + n, score=0.5 if n % 2 else 1.0, department="oncology")
        for n in range(2000)
    ]
    run(kernel, batch(rows), to=START + 5000.0)
    assert row_of(kernel, "department", "oncology").performance == pytest.approx(0.75)


def test_undeclared_segment_values_count_in_the_aggregate_only():
    kernel = make_kernel(make_policy(maturity="0s"))
    rows = [outcome(n, START + n, score=1.0, department="undeclared", payer="_OTHER") for n in range(50)]
    run(kernel, batch(rows), to=START + 500.0)
    assert {row.labels for row in kernel.evidence() if row.segment != "all"} == {0}
    assert row_of(kernel).labels == 50


def test_a_thin_reference_proves_nothing_quickly():
    """Thirty reference labels cannot tell a 20 % drop from an unlucky reference."""
    world = World(7, drop=lambda *_: 0.2)
    kernel = make_kernel(baseline=make_baseline(60))
    run(kernel, world.records(300), to=end_of(world, 300))
    assert not row_of(kernel).latched[TIER_3]


def test_the_witness_confirms_a_drop_and_is_silent_about_an_improvement():
    worse = World(8, drop=lambda n, *_: 0.25 if n >= 1500 else 0.0)
    kernel = make_kernel()
    found = run(kernel, worse.records(3000), to=end_of(worse, 3000))
    assert any(isinstance(f, DriftDetected) and f.row.signal == "performance" for f in found)
    better = World(8, drop=lambda n, *_: 0.0 if n >= 1500 else 0.25)
    kernel = make_kernel()
    run(kernel, better.records(1500), to=end_of(better, 1500))
    found = run(kernel, better.records(2500, first=1500), to=end_of(better, 4000))
    assert not [f for f in found if isinstance(f, DriftDetected) and f.row.signal == "performance"]


def test_two_models_of_one_fleet_do_not_mix():
    kernel = make_kernel()
    seven, eight = World(9), World(10, drop=lambda *_: 0.3, version="8", activation=2)
    run(kernel, seven.records(800))
    run(kernel, eight.records(800, first=800), to=end_of(eight, 1600))
    assert not row_of(kernel).latched[TIER_3]
    assert row_of(kernel, version="8").latched[TIER_3]
    assert np.isclose(row_of(kernel).labels, 800)


def test_a_backlog_that_takes_effect_at_once_still_tells_when_the_change_began():
    began = 500
    kernel = make_kernel(make_policy(maturity="0s", lateness="2m"))
    world = World(seed=9, drop=lambda n, _d, _p: 0.6 if n >= began else 0.0)
    told = world.records(800)
    outcomes = told.rows["kind"] == Kind.OUTCOME
    for chosen in (~outcomes, outcomes):  # the queue of the outcomes is delivered after everything else
        kernel.apply(told.take(np.flatnonzero(chosen)))
        kernel.advance()
    kernel.advance(to=START + 2 * 86_400.0)
    row = row_of(kernel)
    assert row.labels == 800
    assert row.change_point == pytest.approx(START + began * world.gap, abs=40 * world.gap)
