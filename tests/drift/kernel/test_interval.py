"""The interval of the drop: it holds at every look, wherever the change point is put, and it narrows."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from otel_clinical.drift.kernel._change import ChangePoint
from otel_clinical.drift.kernel._interval import drop_interval, mean_interval, share
from otel_clinical.policy import Scale
from tests.drift.kernel._world import START, World, make_kernel, row_of, run

EXPECTED = 0.9
RUNS = 60


def wald(n, total, expected):
    """The interval of the textbook, for one look at a number of outcomes fixed beforehand."""
    mean = (total + 2) / (n + 4)  # Agresti-Coull: it keeps its word even with few outcomes
    half = 1.96 * math.sqrt(mean * (1 - mean) / (n + 4))
    return 1 - (mean + half) / expected, 1 - (mean - half) / expected


def always(interval, scores, truth):
    """Whether `interval` holds the average true drop at every single look."""
    totals = np.cumsum(scores)
    return all(
        low <= truth <= high
        for n in range(11, len(scores), 3)
        for low, high in [interval(n, float(totals[n - 1]), EXPECTED)]
    )


def ours(n, total, expected):
    return drop_interval(n, total, expected, before=0, scale=Scale())


def held(interval):
    rng = np.random.default_rng(5)
    runs = [(rng.random(1200) < EXPECTED * 0.8).astype(float) for _ in range(RUNS)]
    return sum(always(interval, scores, 0.2) for scores in runs) / RUNS


def test_it_holds_at_every_look_together():
    assert held(ours) >= 0.95


def test_an_interval_for_one_look_does_not():
    """Negative control: the same runs and looks show an interval that is not made for them."""
    assert held(wald) < 0.85


def test_it_holds_when_the_change_point_is_chosen_to_mislead():
    """Of all starts the most misleading is taken: the outcomes are healthy, and the worst run of them is shown."""
    rng = np.random.default_rng(3)
    starts = np.arange(380)
    misses = naive = 0
    for _ in range(100):
        totals = np.concatenate(([0.0], np.cumsum(rng.random(400) < EXPECTED)))
        missing = EXPECTED * (400 - starts) - (totals[-1] - totals[starts])
        chosen = int(np.argmax(missing / np.sqrt(400 - starts)))
        n, total = 400 - chosen, float(totals[-1] - totals[chosen])
        low, _ = drop_interval(n, total, EXPECTED, before=chosen, scale=Scale())
        misses += low > 0.0
        low, _ = wald(n, total, EXPECTED)
        naive += low > 0.0
    assert misses <= 5
    assert naive > 10, "the choice was not misleading, so this shows nothing"


def test_it_bounds_the_average_of_a_drop_that_changes_on_the_way():
    rng = np.random.default_rng(9)
    means = np.where(np.arange(1000) < 300, 0.9, 0.6)
    averages = np.cumsum(means) / np.arange(1, 1001)
    held = 0
    for _ in range(40):
        totals = np.cumsum(rng.beta(means * 2, (1 - means) * 2))  # scores between 0 and 1, not only right or wrong
        bounds = [mean_interval(n, float(totals[n - 1]), 0.05) for n in range(11, 1000, 20)]
        held += all(low <= averages[n - 1] <= high for n, (low, high) in zip(range(11, 1000, 20), bounds, strict=True))
    assert held >= 38


def test_it_narrows_with_every_tenfold_of_outcomes():
    widths = [high - low for n in (20, 200, 2000, 20000) for low, high in [ours(n, 0.72 * n, EXPECTED)]]
    assert all(later < earlier / 2 for earlier, later in itertools.pairwise(widths))
    assert ours(20000, 0.72 * 20000, EXPECTED) == pytest.approx((0.2, 0.2), abs=0.02)


def test_the_bounds_are_where_the_mixture_says():
    """The steps come from the wide side: the bound refutes nothing that the mixture does not refute."""
    tilts = 0.01 * 2.0 ** np.arange(10)

    def logged(p, n, total):
        return float(np.logaddexp.reduce(tilts * total - n * np.log1p(p * np.expm1(tilts)))) - math.log(len(tilts))

    for n, total in ((11, 11.0), (60, 33.5), (900, 800.0), (50_000, 49_000.0)):
        low, high = mean_interval(n, total, 0.05)
        assert logged(low, n, total) == pytest.approx(math.log(2 / 0.05), abs=0.02)
        assert logged(low, n, total) >= math.log(2 / 0.05) - 1e-6
        assert 0.0 <= low <= total / n <= high <= 1.0


def test_nothing_right_and_everything_right_have_bounds():
    assert mean_interval(30, 0.0, 0.05)[0] == 0.0
    assert mean_interval(30, 30.0, 0.05)[1] == 1.0


def test_points_are_not_relative():
    low, high = drop_interval(500, 360.0, EXPECTED, before=0, scale=Scale("points"))
    relative = drop_interval(500, 360.0, EXPECTED, before=0, scale=Scale())
    assert (low / EXPECTED, high / EXPECTED) == pytest.approx(relative)


def test_all_shares_together_are_no_more_than_the_whole():
    k = np.arange(1, 2_000_000)
    rest = 1 / (1 + math.log(2_000_000))  # of the sum, bounded by its integral
    assert (1 / (k * (1 + np.log(k)) ** 2)).sum() + rest <= 2.0
    assert share(7, 0.05) == pytest.approx(0.05 / (14 * (1 + math.log(7)) ** 2))


class TestInTheKernel:
    def test_a_stream_that_dropped_has_one_around_its_drop(self):
        world = World(2, drop=lambda n, *_: 0.25 if n >= 1000 else 0.0)
        kernel = make_kernel()
        run(kernel, world.records(3000), to=START + 3000 * world.gap + 4000.0)
        row = row_of(kernel)
        assert row.interval is not None
        low, high = row.interval
        assert 0.05 < low < 0.25 < high < 0.45
        assert low < row.drop < high

    def test_it_is_calculated_once_per_number_of_labels(self, monkeypatch):
        world = World(2, drop=lambda *_: 0.25)
        kernel = make_kernel()
        run(kernel, world.records(500), to=START + 500 * world.gap + 4000.0)
        asked = []
        real = ChangePoint.interval

        def counting(self, design, fed):
            asked.append(fed)
            return real(self, design, fed)

        monkeypatch.setattr(ChangePoint, "interval", counting)
        first = row_of(kernel).interval
        once = len(asked)
        assert row_of(kernel).interval == first
        assert len(asked) == once

    def test_a_restored_stream_has_the_same(self):
        world = World(2, drop=lambda *_: 0.25)
        kernel, other = make_kernel(), make_kernel()
        run(kernel, world.records(500), to=START + 500 * world.gap + 4000.0)
        other.load(kernel.dump_dirty())
        assert row_of(other).interval == row_of(kernel).interval is not None
