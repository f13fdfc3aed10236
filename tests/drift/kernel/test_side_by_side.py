"""Small streams that are fed side by side become what they become when each is fed alone, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.kernel import _side_by_side
from otel_clinical.drift.kernel._calibration import Calibration, Pairs, feed_calibrations
from otel_clinical.drift.kernel._outcomes import Outcomes, OutcomeStream
from otel_clinical.drift.kernel._side_by_side import MOST, Table, sorted_out
from otel_clinical.drift.kernel._small_outcomes import feed_outcomes
from tests.drift.kernel._world import PAYERS, START, World, make_kernel, make_policy, run

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAN = next(iter(make_kernel()._plans.values()))
KEYS = [("payer", payer) for payer in PAYERS]
SIZES = st.lists(st.integers(2, 40), min_size=4, max_size=4)
MICRO, HOUR = 1_000_000, 3600.0


def slot(rng: np.random.Generator, n: int, wrong: float, number: int, spread: int = 300) -> Outcomes:
    effective = np.sort(rng.integers(0, spread * MICRO, n)) + round(START * MICRO) + number * 300 * MICRO
    scores = np.where(rng.random(n) < wrong, rng.choice([0, 250_000], n), MICRO)
    return Outcomes(rng.integers(0, 4, n), scores, effective - rng.integers(0, MICRO, n), effective)


def parted(sizes: Sequence[int], rng: np.random.Generator) -> list[np.ndarray]:
    places = rng.permutation(sum(sizes))
    return [np.sort(part) for part in np.split(places, np.cumsum(sizes)[:-1])]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(SIZES, st.sampled_from([0.0, 0.1, 0.4, 1.0]), st.sampled_from([300, 90_000])), max_size=6),
    st.integers(0, 2**32),
)
def test_streams_of_outcomes(slots: list[tuple[list[int], float, int]], seed: int):
    alone, together = ([OutcomeStream(PLAN.design(key), 1440 * MICRO) for key in KEYS] for _ in range(2))
    for number, (sizes, wrong, spread) in enumerate(slots):
        rng = np.random.default_rng([seed, number])
        every, chosen = slot(rng, sum(sizes), wrong, number, spread), parted(sizes, rng)
        end = round(START * MICRO) + (number + 1) * 300 * MICRO
        found = [stream.feed(every.at(part), end) for stream, part in zip(alone, chosen, strict=True)]
        assert feed_outcomes(together, every, Table.of(chosen), end) == found
    assert [stream.dumps() for stream in together] == [stream.dumps() for stream in alone]


@settings(deadline=None, max_examples=60)
@given(st.lists(SIZES, min_size=1, max_size=6), st.integers(0, 2**32))
def test_streams_of_confidences(slots: list[list[int]], seed: int):
    alone, together = ([Calibration.fresh(PLAN.bias, PLAN.times.half) for _ in KEYS] for _ in range(2))
    for number, sizes in enumerate(slots):
        rng = np.random.default_rng([seed, number])
        confidences, scores = rng.integers(0, MICRO + 1, sum(sizes)), rng.choice([0, MICRO], sum(sizes))
        pairs, chosen = Pairs.of(PLAN.bias, confidences, scores), parted(sizes, rng)
        for stream, part in zip(alone, chosen, strict=True):
            stream.feed(pairs, part, number + 1)
        feed_calibrations(together, pairs, Table.of(chosen), number + 1)
    assert [stream.dumps() for stream in together] == [stream.dumps() for stream in alone]


def test_evidence_too_far_from_its_last_value_is_summed_up_alone():
    """A bet that loses all but nothing a hundred times: sums of plain numbers would not hold both ends."""
    alone, together = ([Calibration.fresh(PLAN.bias, PLAN.times.half) for _ in KEYS] for _ in range(2))
    ruin = np.full((400, alone[0].test.log_s.size), -9.0)
    numbers = np.zeros(400, np.int64)
    pairs = Pairs(numbers, numbers, numbers, numbers, ruin)
    chosen = np.split(np.arange(400), 4)
    for stream, part in zip(alone, chosen, strict=True):
        stream.feed(pairs, part, 1)
    feed_calibrations(together, pairs, Table.of(chosen), 1)
    assert [stream.dumps() for stream in together] == [stream.dumps() for stream in alone]


@pytest.mark.parametrize("drop", [0.0, 0.4])
def test_a_kernel_that_feeds_them_so_knows_the_same(monkeypatch: pytest.MonkeyPatch, drop: float):
    records = World(3, gap=4.0, drop=lambda n, *_: drop if n > 600 else 0.0).records(1500)
    together = make_kernel(make_policy())
    changes = run(together, records, to=START + 6 * HOUR)
    monkeypatch.setattr(_side_by_side, "MOST", 0)
    alone = make_kernel(make_policy())
    assert sorted(map(repr, run(alone, records, to=START + 6 * HOUR))) == sorted(map(repr, changes))
    assert bool(changes) == bool(drop)
    assert alone.dump_dirty() == together.dump_dirty()


@given(st.lists(st.integers(1, 2 * MOST), max_size=60))
def test_every_stream_is_fed_once_and_the_small_ones_mostly_together(sizes: list[int]):
    split = [(number, np.arange(size)) for number, size in enumerate(sizes)]
    groups = list(sorted_out(split, lambda _: None))
    assert sorted(number for group in groups for number, _ in group) == list(range(len(sizes)))
    small = [number for number, size in enumerate(sizes) if 2 <= size <= MOST]
    together = [number for group in groups if len(group) > 1 for number, _ in group]
    assert set(together) <= set(small)
    assert len(small) - len(together) < 4
    assert all(max(len(rows) for _, rows in group) * len(group) <= max(2048, 4 * MOST) for group in groups)


def test_streams_of_different_forms_are_not_fed_together():
    split = [(number, np.arange(5)) for number in range(10)]
    groups = list(sorted_out(split, lambda number: number % 2))
    assert all(len({number % 2 for number, _ in group}) == 1 for group in groups)
