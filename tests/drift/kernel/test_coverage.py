"""Label coverage compares outcomes with inferences of the same cohort."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.drift.explode import Kind
from otel_clinical.drift.kernel._coverage import Coverage
from tests.drift.kernel._world import START, batch, inference, make_kernel, outcome

HOUR = 3600.0
GOLDEN = json.loads((Path(__file__).parent / "golden" / "coverage.json").read_text(encoding="utf-8"))
WIDTH = 1_000_000_000
AGES = st.lists(st.integers(0, 3 * 10**15), min_size=1, max_size=60)


def coverage(kernel):
    (row,) = kernel.coverage()
    return row


def test_only_cohorts_that_are_old_enough_count():
    kernel = make_kernel()
    kernel.apply(batch([inference(n, START + n) for n in range(100)]))
    kernel.apply(batch([outcome(n, START + 5.0 + n, inferred=START + n, score=1.0) for n in range(60)]))
    kernel.advance(to=START + 0.5 * HOUR)
    assert (coverage(kernel).coverage, coverage(kernel).eligible) == (None, 0)
    kernel.advance(to=START + 2 * HOUR)
    row = coverage(kernel)
    assert (row.eligible, row.labelled, row.coverage) == (100, 60, 0.6)


def test_inferences_without_an_answer_need_no_label():
    rows = [inference(n, START + n) for n in range(10)]
    failed = [(Kind.INFERENCE, 0, *row[2:]) for row in rows[:4]]
    kernel = make_kernel()
    kernel.apply(batch(failed + rows[4:]))
    kernel.advance(to=START + 2 * HOUR)
    assert coverage(kernel).eligible == 6


def test_two_labels_of_one_inference_cover_one():
    kernel = make_kernel()
    kernel.apply(batch([inference(n, START + n) for n in range(4)]))
    kernel.apply(batch([outcome(1, START + 60.0 + n, inferred=START, score=1.0, event=50 + n) for n in range(4)]))
    kernel.advance(to=START + 2 * HOUR)
    assert coverage(kernel).coverage == 0.25


def test_outcomes_wait_until_their_inference_is_mature():
    kernel = make_kernel()
    found = batch([outcome(n, START + 5.0 + n, inferred=START + n, score=1.0) for n in range(60)])
    for part in (found.take(range(40)), found.take(range(60)), found.take(range(20, 60))):
        kernel.apply(part)
    kernel.advance(to=START + 0.5 * HOUR)
    assert kernel.waiting == {("coding", "7"): 60}
    again = make_kernel()
    again.load(kernel.dump_dirty())
    assert again.waiting == kernel.waiting
    again.apply(found)
    assert again.waiting == kernel.waiting
    again.advance(to=START + 2 * HOUR)
    assert again.waiting == {}


def test_coverage_is_of_the_recent_cohorts_and_survives_a_restart():
    kernel = make_kernel()
    kernel.apply(batch([inference(n, START + n) for n in range(10)]))
    kernel.advance(to=START + 2 * HOUR)
    again = make_kernel()
    again.load(kernel.dump_dirty())
    assert coverage(again) == coverage(kernel)
    again.apply(batch([inference(50, START + 48 * HOUR), outcome(50, START + 48 * HOUR, score=1.0)]))
    again.advance(to=START + 50 * HOUR)
    assert (coverage(again).eligible, coverage(again).coverage) == (1, 1.0)


def test_labels_are_as_old_as_the_time_from_inference_to_outcome():
    kernel = make_kernel()
    kernel.apply(batch([inference(n, START + n) for n in range(100)]))
    waits = [60.0] * 80 + [1800.0] * 20
    rows = [outcome(n, START + n + wait, inferred=START + n, score=1.0) for n, wait in enumerate(waits)]
    kernel.apply(batch(rows))
    kernel.advance(to=START + 0.5 * HOUR)
    assert (coverage(kernel).aged, coverage(kernel).age_median, coverage(kernel).age_late) == (0, None, None)
    kernel.advance(to=START + 2 * HOUR)
    row = coverage(kernel)
    assert row.aged == row.labelled == 100
    assert 60.0 / 2**0.5 <= row.age_median <= 60.0 * 2**0.5
    assert 1800.0 / 2**0.5 <= row.age_late <= 1800.0 * 2**0.5
    again = make_kernel()
    again.load(kernel.dump_dirty())
    assert coverage(again) == row


@given(ages=AGES, share=st.sampled_from(["median", "late"]))
def test_an_age_is_off_by_less_than_half_an_octave(ages, share):
    coverage = Coverage(WIDTH)
    coverage.infer(np.zeros(1, np.int64))
    coverage.label(np.zeros(len(ages), np.int64), np.array(ages, np.int64))
    labels, median, late = coverage.age(WIDTH, WIDTH)
    known, wanted = (median, 0.5) if share == "median" else (late, 0.9)
    true = sorted(ages)[-(-len(ages) * round(10 * wanted) // 10) - 1] / 1e6
    assert labels == len(ages)
    longest = 2**26.5
    assert min(true, longest) / 2**0.5 - 1.0 <= known <= max(min(true, longest), 1.0) * 2**0.5 + 1e-6


@given(ages=AGES, cuts=st.lists(st.integers(0, 60), max_size=4), seed=st.randoms(use_true_random=False))
def test_ages_are_the_same_bytes_in_any_order_and_any_parts(ages, cuts, seed):
    inferred = [number * 7 % 5 * WIDTH for number in range(len(ages))]
    whole, parts = Coverage(WIDTH), Coverage(WIDTH)
    whole.label(np.array(inferred, np.int64), np.array(inferred, np.int64) + np.array(ages, np.int64))
    pairs = list(zip(inferred, ages, strict=True))
    seed.shuffle(pairs)
    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), len(pairs)], strict=True):
        part = np.array(pairs[low:high], np.int64).reshape(-1, 2)
        parts.label(part[:, 0], part.sum(axis=1))
        saved = parts.dumps()
        parts = Coverage(WIDTH)
        parts.loads(saved)
    assert parts.dumps() == whole.dumps()


@pytest.mark.parametrize(("version", "aged"), [("1", 0), ("2", 12)])
def test_counts_saved_by_every_version_go_on(version, aged):
    coverage = Coverage(WIDTH)
    coverage.loads(bytes.fromhex(GOLDEN[version]))
    assert coverage.ratio(WIDTH, WIDTH) == (20, 12)
    assert coverage.age(WIDTH, WIDTH)[0] == aged
    coverage.label(np.zeros(3, np.int64), np.full(3, 5_000_000, np.int64))
    assert coverage.ratio(WIDTH, WIDTH) == (20, 15)
    assert coverage.age(WIDTH, WIDTH)[0] == aged + 3


def test_the_newest_version_is_written_as_it_always_was():
    coverage = Coverage(WIDTH)
    coverage.loads(bytes.fromhex(GOLDEN["2"]))
    assert coverage.dumps().hex() == GOLDEN["2"]


def test_ages_are_forgotten_with_their_cohort():
    coverage = Coverage(WIDTH)
    coverage.loads(bytes.fromhex(GOLDEN["2"]))
    coverage.forget(2 * WIDTH)
    empty = Coverage(WIDTH)
    assert coverage.dumps() == empty.dumps()
