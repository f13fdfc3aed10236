"""Each inference is charged once, at the time when its label is mature, whatever arrives when."""

from __future__ import annotations

import pytest

from otel_clinical.drift.explode import ABSENT, MICRO, Batch
from otel_clinical.semconv.enums import EscalationLevel, ProcessorSignal
from tests.drift.kernel._world import (
    START,
    World,
    batch,
    inference,
    make_kernel,
    make_policy,
    outcome,
    row_of,
    run,
)

HOUR = 3600.0


def settle(kernel, to=START + 10 * HOUR):
    kernel.advance(to=to)
    return row_of(kernel)


def test_an_exact_repeat_is_counted_and_fed_once():
    kernel = make_kernel()
    records = batch([outcome(1, START + 5.0, inferred=START, score=0.0)])
    assert kernel.apply(records).duplicates == 0
    assert kernel.apply(records).duplicates == 1
    assert settle(kernel).labels == 1


def test_events_are_counted_by_what_they_are_and_repeats_are_not():
    kernel = make_kernel()
    records = World(1).records(10)
    assert kernel.apply(records).events == {ProcessorSignal.INFERENCE: 10, ProcessorSignal.OUTCOME: 10}
    assert kernel.apply(records).events == {}


def test_until_the_label_is_mature_the_last_word_counts():
    """An appeal is won before the label is mature."""
    kernel = make_kernel()
    denied = outcome(1, START + 60.0, inferred=START, score=0.0, event=11)
    overturned = outcome(1, START + 1800.0, inferred=START, score=1.0, event=12)
    kernel.apply(batch([overturned, denied]))
    row = settle(kernel)
    assert (row.labels, row.performance) == (1, 1.0)


def test_after_it_was_charged_an_inference_is_not_charged_again():
    kernel = make_kernel()
    kernel.apply(batch([outcome(1, START + 60.0, inferred=START, score=1.0, event=11)]))
    kernel.advance(to=START + 2 * HOUR)
    told = [outcome(1, START + hours * HOUR, inferred=START, score=0.0, event=11 + hours) for hours in (3, 4)]
    kernel.apply(batch(told))
    row = settle(kernel)
    assert (row.labels, row.amended, row.performance) == (1, 1, 0.0)
    assert kernel.apply(batch([])).duplicates == 1  # the first amends, the second says the same


def test_the_memory_of_charged_inferences_survives_a_restart_and_ends_with_the_retention():
    first = make_kernel()
    first.apply(batch([outcome(1, START + 60.0, inferred=START, score=1.0, event=11)]))
    first.advance(to=START + 2 * HOUR)
    saved = first.dump_dirty()
    fed = {key for key in saved if key.startswith("fed/")}
    assert len(fed) == 1
    second = make_kernel()
    second.load(saved)
    second.apply(batch([outcome(1, START + 3 * HOUR, inferred=START, score=0.0, event=12)]))
    assert settle(second).labels == 1
    second.apply(batch([inference(2, START + 91 * 86400.0)]))
    second.advance(to=START + 92 * 86400.0)
    assert {key: second.dump_dirty().get(key) for key in fed} == dict.fromkeys(fed, b"")


def test_two_inferences_may_share_nothing_but_the_second():
    kernel = make_kernel()
    kernel.apply(batch([outcome(n, START + 60.0, inferred=START, score=1.0) for n in range(3)]))
    assert settle(kernel).labels == 3


def test_one_event_id_with_two_contents_is_one_event():
    kernel = make_kernel()
    kernel.apply(batch([outcome(n, START + 60.0, inferred=START, score=1.0, event=7) for n in range(2)]))
    assert settle(kernel).labels == 1


def test_an_indeterminate_outcome_leaves_room_for_a_later_one():
    kernel = make_kernel()
    kernel.apply(batch([outcome(1, START + 60.0, inferred=START, event=11)]))
    kernel.advance(to=START + 2 * HOUR)
    assert row_of(kernel).labels == 0
    kernel.apply(batch([outcome(1, START + 3 * HOUR, inferred=START, score=1.0, event=12)]))
    assert settle(kernel).labels == 1


def test_labels_count_when_they_are_mature_and_not_before():
    kernel = make_kernel()
    kernel.apply(batch([outcome(1, START + 5.0, inferred=START, score=0.0)]))
    kernel.advance(to=START + 0.9 * HOUR)
    assert row_of(kernel).labels == 0
    kernel.advance(to=START + 1.2 * HOUR)
    assert row_of(kernel).labels == 1


def test_labels_that_come_early_cannot_fake_a_drop():
    """Wrong codes are found within minutes, right ones confirmed after 50: nothing is worse than it was."""
    kernel = make_kernel()
    records = World(3).records(2500)
    wrong = (records.rows["score"] != MICRO) & (records.rows["score"] != ABSENT)
    rows = records.rows.copy()
    outcomes = rows["score"] != ABSENT
    rows["time"][outcomes & ~wrong] += 50 * 60 * 1_000_000
    early = type(records)(rows[rows["time"].argsort(kind="stable")], records.words)
    found = run(kernel, early, size=50, to=START + 2500 * 10 + 3 * HOUR)
    row = row_of(kernel)
    assert row.labels == 2500
    assert not any(row.latched.values())
    assert not [
        change for change in found if getattr(change, "level", EscalationLevel.NONE) is not EscalationLevel.NONE
    ]


def test_without_maturity_the_same_labels_would_fake_one():
    """The test above can fail: it is the maturity that holds the early labels back."""
    records = World(3).records(2500)
    wrong = records.rows[(records.rows["score"] != MICRO) & (records.rows["score"] != ABSENT)]
    kernel = make_kernel(make_policy(maturity="0s"))
    run(kernel, type(records)(wrong, records.words), to=START + 26_000.0)
    assert row_of(kernel).latched[EscalationLevel.ROLLBACK]


def test_a_late_outcome_is_counted_and_still_charged():
    """Truth that arrives after its time is still the truth about its inference."""
    kernel = make_kernel(make_policy(maturity="0s"))
    kernel.apply(batch([inference(9, START + 2 * HOUR)]))
    kernel.advance()
    applied = kernel.apply(batch([outcome(1, START + 60.0, inferred=START, score=0.0)]))
    assert (applied.late, applied.duplicates) == (1, 0)
    assert settle(kernel).labels == 1


def test_a_late_repeat_is_a_repeat():
    kernel = make_kernel(make_policy(maturity="0s"))
    records = batch([outcome(1, START + 60.0, inferred=START, score=0.0)])
    kernel.apply(records)
    kernel.advance(to=START + HOUR)
    applied = kernel.apply(records)
    assert (applied.late, applied.duplicates) == (0, 1)


def test_a_late_inference_is_counted_and_not_used():
    kernel = make_kernel()
    kernel.apply(batch([inference(9, START + 2 * HOUR)]))
    applied = kernel.apply(batch([inference(1, START)]))
    assert (applied.late, applied.events) == (1, {})


@pytest.mark.parametrize("order", [1, -1])
def test_within_the_lateness_nothing_is_late(order):
    kernel = make_kernel()
    rows = [inference(n, START + n) for n in range(120)][::order]
    late = sum(kernel.apply(batch([row])).late for row in rows if kernel.advance() == [])
    assert late == 0


def test_times_of_the_newest_record_and_label():
    kernel = make_kernel()
    assert (kernel.newest, kernel.watermark, kernel.label_times) == (None, None, {})
    kernel.apply(batch([inference(1, START + 30.0), outcome(2, START + 20.0, inferred=START, score=1.0)]))
    assert kernel.newest == START + 30.0
    assert kernel.watermark == START + 30.0 - 120.0
    assert kernel.label_times == {"coding": START + 20.0}
    assert kernel.activations == {("coding", "7"): 1}


def test_a_sender_whose_clock_is_ahead_does_not_make_the_others_late():
    kernel = make_kernel()
    ahead = batch([inference(1, START + 280.0)])
    kernel.apply(Batch(ahead.rows, ahead.words, received=round(START * 1e6)))
    assert kernel.newest == START
    assert kernel.apply(batch([inference(2, START - 60.0)])).late == 0
