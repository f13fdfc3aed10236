"""The stages of a rollback add up to the whole, each is told beside its limit, and the order of moments is checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks._rollback_stages import Limits, Marks, rows, shares
from benchmarks._rollback_whole import seen_by_rule

MARKS = Marks(
    first=100.0,
    counted=104.0,
    proved=108.0,
    scraped=108.5,
    active=109.0,
    firing=110.0,
    heard=110.1,
    decided=111.5,
    switched=111.6,
    served=111.7,
)
LIMITS = Limits(maturity=2.0, export=0.25, slot=2.0, proof=4.5, interval=1.0, hold=1.0, retry=1.0)


def measures(*runs):
    return {row.measure: row for row in rows(runs, LIMITS)}


def test_the_stages_add_up_to_the_whole():
    assert sum(shares(MARKS)) == pytest.approx(MARKS.served - MARKS.first)
    assert len(shares(MARKS)) == len(LIMITS.stages)


def test_every_stage_stands_beside_its_limit_and_the_slowest_run_is_told():
    slow = replace(MARKS, served=118.0)
    found = measures(MARKS, slow)
    for stage, limit in LIMITS.stages.items():
        assert found[f"s in {stage} / its limit"].baseline == limit
    assert found["s in scrape + evaluation + for / their limit"].ours == pytest.approx(2.0)
    assert found["s in scrape + evaluation + for / their limit"].baseline == pytest.approx(4.0)
    assert found["s in routers of every service / its limit"].ours == pytest.approx(6.4)
    assert found["s from first bad inference to previous version, 2 times, slowest / 20"].ours == pytest.approx(18.0)
    assert all(row.ok for row in found.values())


@pytest.mark.parametrize(
    ("late", "missed"),
    [({"served": 121.0}, 1), ({"switched": 116.0, "served": 116.1}, 1), ({"switched": 120.5, "served": 121.0}, 2)],
)
def test_what_is_late_misses_its_must(late, missed):
    assert sum(not row.ok for row in measures(replace(MARKS, **late)).values()) == missed


def test_moments_in_the_wrong_order_are_an_error_and_no_figure():
    with pytest.raises(ValueError, match=r"heard was seen 9\.900 s before firing"):
        shares(replace(MARKS, firing=120.0))


def test_without_a_hold_the_rule_fires_when_it_is_evaluated():
    assert replace(LIMITS, hold=0.0).stages["for"] == 0.0
    assert [row.ratio for row in rows([replace(MARKS, firing=109.0)], replace(LIMITS, hold=0.0))][4] == 0.0


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([106.0, 107.0, 108.0, 109.0], (107.5, 108.0)),
        ([106.1, 107.4, 109.4], (107.4, 107.4)),  # the scrape had begun when the probe was reading the same page
        ([107.5], (107.5, 107.5)),
    ],
)
def test_the_scrape_that_brought_the_proof_is_one_that_the_rule_had_seen(samples, found):
    assert seen_by_rule(107.5, samples, active=108.5) == found


def test_a_rule_that_was_true_before_any_scrape_is_an_error():
    with pytest.raises(LookupError, match="no scrape before"):
        seen_by_rule(107.5, [109.0], active=108.5)
