"""Label coverage compares outcomes with inferences of the same cohort."""

from __future__ import annotations

from otel_clinical.drift.kernel import Kind
from tests.drift.kernel._world import START, batch, inference, make_kernel, outcome

HOUR = 3600.0


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
