"""An outcome that is reported again with another result: the last word holds, and corrects what was counted once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode import Batch, Kind
from otel_clinical.drift.kernel import decide_tier
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel._world import START, World, batch, inference, make_kernel, make_policy, outcome, row_of, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otel_clinical.drift.kernel import Applied, Kernel

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


def counted(told: Iterable[Report]) -> dict[int, list[float]]:
    """Return what each inference is charged with, one score per slot that brought another, by a model of few lines."""
    slots: dict[int, dict[float, list[Report]]] = defaultdict(lambda: defaultdict(list))
    for one in told:
        slots[one.number][max(one.at, one.inferred + MATURITY) // SLOT].append(one)
    words = {
        number: [max(by_slot[slot], key=lambda one: (one.at, one.event)).score for slot in sorted(by_slot)]
        for number, by_slot in slots.items()
    }
    return {number: [score for score, _ in groupby(scores)] for number, scores in words.items()}


def told_to(kernel: Kernel, told: Iterable[Report], cut: int) -> None:
    rows = [
        outcome(one.number, one.at, inferred=one.inferred, score=one.score, event=one.event, confidence=0.8)
        for one in told
    ]
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
    last = [scores[-1] for scores in expected.values()]
    assert row.labels == len(expected)
    assert row.performance == pytest.approx(sum(last) / len(last))
    assert row.amended == sum(len(scores) - 1 for scores in expected.values())
    assert row.withdrawn == pytest.approx(sum(scores[-1] - scores[0] for scores in expected.values()))
    (confident,) = (one for one in kernel.calibration() if one.segment == "all")
    assert confident.labels == len(last)
    sums = kernel._ledger._activations["coding", "7"][1]._calibrations["all", "all"]
    assert sums.squares / 1e12 == pytest.approx(sum((0.8 - score) ** 2 for score in last))
    assert sums.bins[2].sum() / 1e6 == pytest.approx(sum(last))
    assert other.evidence() == kernel.evidence()
    streams, others = (
        {k: v for k, v in one.dump_dirty().items() if k.startswith("stream/")} for one in (kernel, other)
    )
    assert streams == others


@pytest.mark.parametrize(("second", "amended"), [(3000.0, 0), (5400.0, 1)])
def test_an_amendment_replaces_what_was_not_counted_and_corrects_what_was(second: float, amended: int) -> None:
    kernel = make_kernel(POLICY)
    kernel.apply(batch([inference(0, START)]))
    told_to(kernel, [Report(0, 60.0, 1.0, 100), Report(0, second, 0.0, 101)], 1)
    row = row_of(kernel)
    assert (row.performance, row.labels, row.amended) == (0.0, 1, amended)


def late(kernel: Kernel, number: int, at: float, score: float, event: int) -> Applied:
    applied = kernel.apply(batch([outcome(number, at, inferred=START, score=score, event=event)]))
    kernel.advance()
    return applied


def test_an_amendment_that_arrives_long_after_it_was_recorded_corrects_once_and_is_kept_on_record() -> None:
    kernel = make_kernel(make_policy(lateness="2m"))
    told_to(kernel, [Report(0, 60.0, 0.0, 100)], 1)
    first, again = (late(kernel, 0, START + 5400.0, 1.0, 101) for _ in range(2))
    kernel.advance(to=END + 3600.0)
    older = late(kernel, 0, START + 5000.0, 0.25, 102)
    kernel.advance(to=END + 7200.0)
    row = row_of(kernel)
    assert (row.labels, row.amended, row.withdrawn) == (1, 1, 1.0)
    assert [one.used for one in first.corrections] == [True]
    assert (again.late, again.duplicates) == (1, 1)
    assert (older.late, older.duplicates, older.corrections) == (0, 1, ())


def test_what_was_charged_is_known_after_a_restart_and_forgotten_with_the_inference() -> None:
    saved: dict[str, bytes] = {}
    kernel = make_kernel(POLICY)
    told_to(kernel, [Report(0, 60.0, 0.0, 100)], 1)
    saved |= kernel.dump_dirty()
    assert [key.split("/")[0] for key in saved if key.startswith("charged")] == ["charged"]
    kernel = make_kernel(POLICY)
    assert kernel.load(saved) == []
    late(kernel, 0, END, 1.0, 101)
    kernel.advance(to=END + 86_400.0)
    assert (row_of(kernel).amended, row_of(kernel).withdrawn) == (1, 1.0)
    kernel.apply(batch([outcome(9, END + 100 * 86_400.0, inferred=END + 99 * 86_400.0, score=1.0)]))
    kernel.advance(to=END + 102 * 86_400.0)
    gone = {key for key, data in kernel.dump_dirty().items() if not data}
    assert {key for key in saved if key.startswith("charged")} <= gone


def run_with(*, errors_withdrawn: bool) -> Kernel:
    """Return a kernel that was told of a drop by 30 %, and later that none of it was true, or nothing of the kind."""
    kernel = make_kernel(make_policy(maturity="0s", lateness="2h"))
    world = World(seed=5, drop=lambda n, _d, _p: 0.3 if n >= 600 else 0.0)
    told = world.records(1200)
    run(kernel, told)
    outcomes = told.rows[told.rows["kind"] == Kind.OUTCOME]
    wrong = outcomes[(outcomes["score"] == 0) & (outcomes["inferred"] / 1e6 >= START + 600 * world.gap)].copy()
    wrong["time"] += 3_600_000_000
    wrong["event"] += 1_000_000
    if errors_withdrawn:
        wrong["score"] = 1_000_000
    kernel.apply(Batch(wrong, told.words))
    kernel.advance(to=START + 5 * 3600.0)
    return kernel


def test_a_proof_made_of_errors_that_are_withdrawn_is_none_and_its_tier_ends() -> None:
    proved, withdrawn = row_of(run_with(errors_withdrawn=False)), row_of(run_with(errors_withdrawn=True))
    rollback = EscalationLevel.ROLLBACK
    tiers = make_policy().models["coding"].tiers
    assert decide_tier(proved, tiers) is rollback
    assert proved.amended == 0
    assert (proved.evidence[rollback] >= 1.0, withdrawn.evidence[rollback] < 1e-3) == (True, True)
    assert decide_tier(withdrawn, tiers) is EscalationLevel.NONE
    assert withdrawn.drop < 0.0 < proved.drop


def test_what_names_another_version_or_segment_is_no_amendment() -> None:
    kernel = make_kernel(POLICY)
    told_to(kernel, [Report(0, 60.0, 0.0, 100)], 1)
    for event, about in enumerate(({"version": "8"}, {"payer": "medicare"}), start=200):
        kernel.apply(batch([outcome(0, END, inferred=START, score=1.0, event=event, **about)]))
        kernel.advance()
    kernel.advance(to=END + 86_400.0)
    assert (row_of(kernel).labels, row_of(kernel).amended) == (1, 0)


@pytest.mark.parametrize(("amendable", "amended"), [(1000, 2), (1, 1)])
def test_only_the_newest_outcomes_can_be_amended_as_many_as_the_policy_says(amendable: int, amended: int) -> None:
    drift = {"drift": make_policy(lateness="6h").drift.model_copy(update={"amendable": amendable})}
    kernel = make_kernel(POLICY.model_copy(update=drift))
    told_to(kernel, [Report(0, 60.0, 0.0, 100), Report(60, 60.0, 0.0, 101)], 2)
    for number in (0, 60):
        at = START + number * 60.0
        kernel.apply(batch([outcome(number, END, inferred=at, score=1.0, event=200 + number, confidence=0.8)]))
    kernel.advance(to=END + 86_400.0)
    row = row_of(kernel)
    assert (row.labels, row.amended) == (2, amended)
