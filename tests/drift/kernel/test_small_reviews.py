"""Attack the counters of reviews: subtract segment values from the whole, and an earlier page from a later one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from otel_clinical.drift._codec import pack
from otel_clinical.drift.kernel._suggestions import Suggestions
from otel_clinical.semconv.enums import ReviewAction, ReviewHorizon
from otel_clinical.semconv.small_cells import SMALL_CELL
from tests.drift.kernel import _world
from tests.drift.kernel._world import START, batch, make_baseline, make_kernel, make_policy

DAY = 86_400.0
WHOLE = ("all", "all")
SMALL = ("payer", _world.PAYERS[0])
POLICY, BASELINE = make_policy(), make_baseline()


def history(seed, few):
    """Return reviews of all payers, `few` of them of the small one."""
    rng = np.random.default_rng(seed)
    sizes = [few, *rng.integers(11, 60, len(_world.PAYERS) - 1).tolist()]
    payers = rng.permutation(np.repeat(np.arange(len(sizes)), sizes)).tolist()
    departments = rng.integers(0, len(_world.DEPARTMENTS), len(payers)).tolist()
    return [
        _world.review(
            number,
            START + 40.0 * number + 30.0,
            int(rng.integers(1, 6)),
            inferred=START + 40.0 * number,
            event=10 * number + 1,
            payer=_world.PAYERS[payer],
            department=list(_world.DEPARTMENTS)[department],
        )
        for number, (payer, department) in enumerate(zip(payers, departments, strict=True))
    ]


def pages(rows, *, batches=True):
    """Yield the counts by (segment, value), horizon and action after each tenth of the reviews, and at the end."""
    kernel = make_kernel(POLICY, BASELINE)
    for part in np.array_split(np.arange(len(rows)), 10):
        kernel.apply(batch([rows[place] for place in part]))
        kernel.advance()
        yield page(kernel, batches=batches)
    kernel.advance(to=START + 9 * DAY)
    yield page(kernel, batches=batches)


def page(kernel, *, batches):
    return {
        (row.segment, row.value, row.horizon): Counter(dict(row.actions))
        for row in kernel.suggestions(batches=batches)
        if row.version == "7"
    }


def width(found, *, slack):
    """Return how many sizes of the small cell the page leaves possible, if a number may be too small by `slack`."""
    low, high = 0, SMALL_CELL - 1
    for horizon in ReviewHorizon:
        sizes = {key[:2]: sum(counts.values()) for key, counts in found.items() if key[2] is horizon}
        others = [n for (segment, value), n in sizes.items() if segment == "payer" and (segment, value) != SMALL]
        low = max(low, sizes[WHOLE] - sum(others) - slack * len(others))
        high = min(high, sizes[WHOLE] + slack - sum(others))
    return high - low + 1


@pytest.mark.parametrize("few", [1, 5, 10])
def test_a_small_cell_is_not_what_the_whole_has_more_than_the_others(few):
    for seed in range(8):
        *_, last = pages(history(seed, few))
        assert all(not sum(last[(*SMALL, horizon)].values()) for horizon in ReviewHorizon)
        assert width(last, slack=SMALL_CELL - 1) >= 8


def test_the_attack_finds_the_small_cell_where_the_others_are_exact():
    *_, last = pages(history(0, 5), batches=False)
    assert width(last, slack=0) == 1


def test_two_pages_differ_by_nobody_or_by_whole_batches_and_no_counter_goes_back():
    before = None
    for found in pages(history(3, 9)):
        for key, counts in found.items():
            assert sum(counts.values()) % SMALL_CELL == 0
            assert before is None or all(counts[action] >= before[key][action] for action in ReviewAction)
        before = found


def test_what_is_shown_is_all_but_the_newest_ten_of_each_stream():
    rows = history(4, 10)
    for shown, exact in zip(pages(rows), pages(rows, batches=False), strict=True):
        for key, counts in exact.items():
            assert 0 <= sum(counts.values()) - sum(shown[key].values()) < SMALL_CELL
            assert all(0 <= counts[action] - shown[key][action] < SMALL_CELL for action in ReviewAction)


def test_a_state_of_before_goes_on_without_a_counter_that_goes_back():
    plan = make_kernel(POLICY, BASELINE)._reviews._by_name["coding"]
    found = Suggestions(plan)
    found.loads(pack("suggestions", 1, {"counts": [["immediate", *WHOLE, [0, 20, 5]]]}, {}))
    (first,) = (row for row in found.rows("7", batches=True) if row.horizon == "immediate" and row.segment == "all")
    assert sum(first.actions.values()) == 25
    again = Suggestions(plan)
    again.loads(found.dumps())
    assert list(again.rows("7", batches=True)) == list(found.rows("7", batches=True))
