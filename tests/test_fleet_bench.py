"""The fleet-years benchmark: it bets as the kernel does, and it can find false alarms where there are some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks._fleet import GRID, designs, fleet_policy, streams
from benchmarks._fleet_report import markdown, write_rates
from benchmarks._fleet_years import ASSUMED, Rate, World, rates, walk
from benchmarks._spread import every_core
from otel_clinical.drift.detectors import log_growth, sr_path
from otel_clinical.drift.kernel._design import LEVELS
from otel_clinical.policy import load_policy
from otel_clinical.semconv.enums import EscalationLevel


@pytest.fixture(scope="module")
def fleet():
    return fleet_policy(load_policy("examples/policy.yaml"), 2)


def loosened(tests, by):
    return [replace(one, log_thresholds={k: v - by for k, v in one.log_thresholds.items()}) for one in tests]


def test_the_fleet_has_forty_segments_and_its_shares_add_up(fleet):
    truth = [one for one in streams(fleet) if one.model == 0]
    aggregate = truth[0]
    for name in {one.segment[0] for one in truth[1:]}:
        assert sum(one.per_year for one in truth if one.segment[0] == name) == pytest.approx(aggregate.per_year)
    assert len({one.segment for one in truth}) == 41


def test_nothing_is_proved_where_nothing_gets_worse(fleet):
    truth = streams(fleet)
    assert not walk(np.random.default_rng(1), truth, designs(fleet, truth, 1), ASSUMED, 1)[-1]


def test_thresholds_that_are_too_low_are_found_out(fleet):
    truth = streams(fleet)
    proofs = walk(np.random.default_rng(1), truth, loosened(designs(fleet, truth, 1), 12.0), ASSUMED, 1)
    assert (proofs > 0).all()


def test_a_baseline_that_is_too_good_breaks_the_promise_of_the_first_tier(fleet):
    truth = streams(fleet)
    live = [replace(one, errors=1.0 - (1.0 - one.errors) * 0.9) for one in truth]
    proofs = walk(np.random.default_rng(1), live, designs(fleet, truth, 1), World("optimism"), 1)
    assert proofs[0] > proofs[-1] >= 0


def test_the_bets_are_those_of_the_kernel(fleet):
    """A stream that is always wrong, in one stratum: no chance is left, and every proof can be counted by hand."""
    truth = streams(fleet)
    stream = replace(truth[0], grid=np.zeros(GRID, int), errors=np.ones_like(truth[0].errors), per_year=40.0)
    design = designs(fleet, truth, 1)[0]
    level = EscalationLevel.ROLLBACK
    growth = log_growth(np.ones(80), design.null[:1].repeat(80, axis=0), design.bets[:1].repeat(80, axis=0))
    path = sr_path(np.full(growth.shape[1], -np.inf), growth)[:, design.cells[level]]
    first = int(np.argmax(np.logaddexp.reduce(path, axis=1) >= design.log_thresholds[level])) + 1
    assert walk(np.random.default_rng(1), [stream], [design], ASSUMED, 3)[LEVELS.index(level)] == 3 * (80 // first)


def test_the_parts_add_up_in_other_processes():
    with every_core() as spread:
        found = rates(load_policy("examples/policy.yaml"), ASSUMED, 4, spread, models=2, tasks=2)
    assert [one.years for one in found] == [4, 4, 4]
    assert found[-1].accepted == pytest.approx(0.4)


def test_the_report_says_what_was_accepted(tmp_path):
    found = [Rate("as assumed", level, 1000.0, 3, 0.1) for level in LEVELS]
    assert "| as assumed | 1,000 | 3 (100) |" in markdown(found)
    write_rates(found, tmp_path / "new")
    assert (tmp_path / "new" / "fleet-years.png").stat().st_size > 1000
