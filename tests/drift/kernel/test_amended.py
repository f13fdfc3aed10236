"""An outcome that is reported again with another result: until it is counted the last word holds, then the first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drift.kernel._world import START, batch, inference, make_kernel, make_policy, outcome, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.drift.kernel import Kernel

SLOT, MATURITY = 300.0, 3600.0
POLICY = make_policy(lateness="6h")
END = START + 86_400.0


@dataclass(frozen=True)
class Report:
    """One report of an outcome; `delay` is in seconds since the inference."""

    number: int
    delay: float
    score: float
    event: int

    @property
    def inferred(self) -> float:
        return START + self.number * 60.0

    @property
    def at(self) -> float:
        return self.inferred + self.delay


@st.composite
def reports(draw: st.DrawFn) -> list[Report]:
    drawn = st.tuples(st.integers(0, 5), st.integers(0, 7200), st.sampled_from([0.0, 0.25, 1.0]))
    found = draw(st.lists(drawn, min_size=1, max_size=25))
    events = draw(st.permutations(range(100, 100 + len(found))))
    return [
        Report(number, float(delay), score, event) for (number, delay, score), event in zip(found, events, strict=True)
    ]


def counted(told: Iterable[Report]) -> dict[int, float]:
    """Return the score that counts for each inference, by a model of a few lines."""
    slots: dict[int, dict[float, list[Report]]] = defaultdict(lambda: defaultdict(list))
    for one in told:
        slots[one.number][max(one.at, one.inferred + MATURITY) // SLOT].append(one)
    first = {number: by_slot[min(by_slot)] for number, by_slot in slots.items()}
    return {number: max(found, key=lambda one: (one.at, one.event)).score for number, found in first.items()}


def told_to(kernel: Kernel, told: Iterable[Report], cut: int) -> None:
    rows = [outcome(one.number, one.at, inferred=one.inferred, score=one.score, event=one.event) for one in told]
    for part in (rows[:cut], rows[cut:]):
        if part:
            kernel.apply(batch(part))
            kernel.advance()
    kernel.advance(to=END)


@settings(max_examples=60, deadline=None)
@given(told=reports(), cut=st.integers(0, 25), order=st.randoms(use_true_random=False))
def test_each_inference_counts_once_with_its_last_word_in_any_order(told: list[Report], cut: int, order) -> None:
    kernel, other = make_kernel(POLICY), make_kernel(POLICY)
    start = [inference(number, START + number * 60.0) for number in range(6)]
    for one in (kernel, other):
        one.apply(batch(start))
    told_to(kernel, told, cut)
    shuffled = list(told)
    order.shuffle(shuffled)
    told_to(other, shuffled + shuffled[:3], len(shuffled))
    expected = counted(told)
    row = row_of(kernel)
    assert row.labels == len(expected)
    assert row.performance == pytest.approx(sum(expected.values()) / len(expected))
    assert other.evidence() == kernel.evidence()
    streams, others = (
        {k: v for k, v in one.dump_dirty().items() if k.startswith("stream/")} for one in (kernel, other)
    )
    assert streams == others


@pytest.mark.parametrize(("second", "expected"), [(3000.0, 0.0), (5400.0, 1.0)])
def test_an_amendment_counts_until_the_inference_is_mature(second: float, expected: float) -> None:
    kernel = make_kernel(POLICY)
    kernel.apply(batch([inference(0, START)]))
    told_to(kernel, [Report(0, 60.0, 1.0, 100), Report(0, second, 0.0, 101)], 1)
    assert row_of(kernel).performance == expected
