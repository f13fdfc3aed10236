"""Of the segments that are named worse, few are not: measured, beside the same evidence without correction."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from otel_clinical.drift.detectors import bet, log_growth, sr_path
from otel_clinical.drift.kernel import EvidenceRow
from otel_clinical.drift.kernel._discovery import any_segment, discoveries, e_value, select
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel._world import START, World, make_kernel, make_policy, run

SEGMENTS, BAD, RUNS, LABELS = 40, 3, 60, 500
NULL, ALTERNATIVES = 0.1, (0.15, 0.2, 0.3, 0.4)
LEVEL = 0.10
TIER = EscalationLevel.ENGINEERING_REVIEW


def statistic(rng, error):
    """Logarithm of S after `LABELS` labels: the mean over the alternatives."""
    cells = len(ALTERNATIVES)
    bets = np.tile([bet(NULL, m) for m in ALTERNATIVES], (LABELS, 1))
    growth = log_growth((rng.random(LABELS) < error).astype(float), np.full((LABELS, cells), NULL), bets)
    return float(np.logaddexp.reduce(sr_path(np.full(cells, -np.inf), growth)[-1])) - math.log(cells)


@pytest.fixture(scope="module")
def runs():
    """RUNS x SEGMENTS logarithms; the first BAD of each run are worse."""
    rng = np.random.default_rng(8)
    return [[statistic(rng, 0.35 if i < BAD else NULL) for i in range(SEGMENTS)] for _ in range(RUNS)]


def false_share(chosen):
    return sum(place >= BAD for place in chosen) / max(len(chosen), 1)


def test_few_of_the_selected_are_wrong_and_the_bad_ones_are_found(runs):
    chosen = [select([e_value(log, LABELS) for log in run], LEVEL) for run in runs]
    power = np.mean([sum(place < BAD for place in found) / BAD for found in chosen])
    rate = np.mean([false_share(found) for found in chosen])
    print(f"false discovery rate {rate:.3f}, power {power:.3f}")  # noqa: T201  -- read with pytest -s
    assert rate <= LEVEL
    assert power >= 0.9


def test_without_correction_far_more_are(runs):
    """Negative control: the statistic taken for an e-value, each stream by itself."""
    alone = [{place for place, log in enumerate(run) if log >= math.log(1 / LEVEL)} for run in runs]
    assert np.mean([false_share(found) for found in alone]) > 2 * LEVEL


def test_the_mean_of_a_healthy_stream_is_at_most_one(runs):
    healthy = [[e_value(log, LABELS) for log in run[BAD:]] for run in runs]
    assert np.mean(healthy) <= 1.0
    raw = np.mean([math.exp(log) for run in runs for log in run[BAD:]])
    assert raw > 1.0, "the statistic itself is no e-value"


def test_any_segment_is_proved_only_if_one_is_worse(runs):
    values = [[e_value(log, LABELS) for log in run] for run in runs]
    assert np.mean([any_segment(found) * LEVEL >= 1 for found in values]) >= 0.9
    assert np.mean([any_segment(found[BAD:]) * LEVEL >= 1 for found in values]) <= LEVEL
    assert any_segment([]) == 0.0


def test_the_order_of_the_streams_changes_nothing():
    values = [50.0, 0.1, 25.0, 1.0, 0.0]
    assert {values[place] for place in select(values, 0.1)} == {
        values[::-1][place] for place in select(values[::-1], 0.1)
    }
    assert select([], 0.1) == select([9.9], 0.1) == frozenset()
    assert select([10.0], 0.1) == {0}


def test_a_stream_without_labels_says_nothing():
    assert e_value(-math.inf, 0) == 0.0
    assert e_value(1e9, 10) == pytest.approx(1e9)
    with pytest.raises(ValueError, match="for 0 labels, expected minus infinity"):
        e_value(1.0, 0)


def test_the_kernel_names_the_one_payer_that_is_worse_and_no_other():
    world = World(1, drop=lambda n, _d, payer: 0.4 if n >= 500 and payer == "private" else 0.0)
    kernel = make_kernel()
    run(kernel, world.records(3000), to=START + 3000 * world.gap + 4000.0)
    found = {row.level: row for row in kernel.discoveries()}
    assert set(found) == {level for level in EscalationLevel if level is not EscalationLevel.NONE}
    for row in found.values():
        assert row.evidence >= 1.0
        assert ("payer", "private") in row.named
        assert {value for segment, value in row.named if segment == "payer"} == {"private"}


@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_names_nothing_where_nothing_changed(seed):
    kernel = make_kernel()
    run(kernel, World(seed).records(2000), to=START + 2000 * 10.0 + 4000.0)
    assert all(row.evidence < 1.0 and not row.named for row in kernel.discoveries())


def test_many_slightly_worse_segments_are_seen_together_before_any_proves_it_alone():
    """Nine of ten labels of a small loss in every segment: no tier alone, but together it is proved."""
    rows = [
        EvidenceRow("coding", "7", 1, "payer", value, 400, 0, 0.0, None, 0, 0.9, None, {}, {TIER: present}, {}, None)
        for value, present in (("medicaid", 0.9), ("medicare", 0.9), ("private", 0.9), ("self", 0.9))
    ]
    policy = make_policy()
    (found,) = (row for row in discoveries(policy, rows) if row.level is TIER)
    assert found.evidence > 0.0
    assert not any(row.current[TIER] >= 1.0 for row in rows)
    alone = rows[:1] + [replace(row, current={TIER: 0.0}) for row in rows[1:]]
    (less,) = (row for row in discoveries(policy, alone) if row.level is TIER)
    assert less.evidence == pytest.approx(found.evidence / 4)


def test_a_segment_too_small_to_be_shown_is_not_named_and_gives_nothing_away():
    place = ("coding", "7", 1, "payer", "private")
    rows = [EvidenceRow(*place, labels, 0, 0.0, None, 0, 0.9, None, {}, {TIER: 1e9}, {}, None) for labels in (10, 11)]
    few, enough = (next(iter(discoveries(make_policy(), [row]))) for row in rows)
    assert (few.evidence, few.named) == (0.0, ())
    assert enough.named == (("payer", "private"),)


def test_segments_of_one_version_are_not_mixed_with_those_of_another():
    def row(version, present):
        return EvidenceRow(
            "coding", version, 1, "payer", "private", 50, 0, 0.0, None, 0, 0.9, None, {}, present, {}, None
        )

    found = list(discoveries(make_policy(), [row("7", {TIER: 1e9}), row("8", {TIER: 0.0})]))
    assert {(one.version, one.named) for one in found if one.level is TIER} == {
        ("7", (("payer", "private"),)),
        ("8", ()),
    }
