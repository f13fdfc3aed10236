"""Of the segments that are named worse, few are not: measured, beside the same evidence without correction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from otel_clinical.drift.detectors import bet, log_growth, sr_path
from otel_clinical.drift.kernel._discovery import any_segment, e_value, select

SEGMENTS, BAD, RUNS, LABELS = 40, 3, 60, 500
NULL, ALTERNATIVES = 0.1, (0.15, 0.2, 0.3, 0.4)
LEVEL = 0.10


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
