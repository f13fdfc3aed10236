"""What the processor records for a later baseline is what a builder counts that is given the same outcomes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode import SEGMENTS, Batch, Kind
from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.kernel._reference import WEEK, Layout, Reference
from otel_clinical.drift.runtime.recorded import Record, RecordedError, freeze_recorded, last_mature_week, week_of
from otel_clinical.policy import BaselineBuilder, parse_policy
from tests.drift.kernel import _world
from tests.drift.kernel._features import FEATURES
from tests.drift.kernel._world import START, WORDS, World, batch, make_baseline, outcome

if TYPE_CHECKING:
    from otel_clinical.policy import Baseline

TEXT = _world._TEXT.format(**(_world._DEFAULTS | {"slot": "30m", "maturity": "3h"}))
POLICY = parse_policy(TEXT + "    pairs: [[payer, department]]\n" + FEATURES, baselines=False)
MODEL = POLICY.models["coding"]
N, GAP = 200, 8000.0  # nearly three weeks
END = START + N * GAP + 30 * 86_400.0


def _history() -> Batch:
    """Return records with encounters, undeclared values, features, an amendment before and one after maturity."""
    records = World(seed=4, gap=GAP, delay=600.0, drop=lambda n, _d, _p: 0.3 if n % 3 == 0 else 0.0).records(N)
    rows = records.rows.copy()
    rng = np.random.default_rng(8)
    rows["features"][:, :3] = rng.integers(0, 3, (len(rows), 3))
    rows["features"][rng.random(len(rows)) < 0.1, 0] = 51
    rows["encounter"] = np.where(rng.random(len(rows)) < 0.2, rng.integers(1, 9, len(rows)), 0)
    rows["segments"][::17, 0] = WORDS.index("undeclared")
    outcomes = rows[rows["kind"] == Kind.OUTCOME]
    late = outcomes[::11].copy()
    late["score"] = 1_000_000 - late["score"]
    late["time"] += 86_400_000_000
    soon = outcomes[::13].copy()
    soon["score"] = 500_000
    soon["time"] += 60_000_000
    for place, more in enumerate((late, soon), start=1):
        more["event"] += place * 1_000_000
    return Batch(np.concatenate((rows, late, soon)), WORDS)


HISTORY = _history()


def _builder() -> BaselineBuilder:
    return BaselineBuilder.for_model("coding", MODEL, version="7")


def by_hand() -> Baseline:
    """Count the last word on every inference, the first of each encounter in the order in which they count."""
    builder = _builder()
    rows = HISTORY.rows
    order = np.lexsort((rows["event"], rows["time"]))
    last = {int(row["inference"]): row for row in rows[order] if row["kind"] == Kind.OUTCOME}
    mature = 3 * 3_600_000_000

    def counts_at(row: np.void) -> tuple[int, int]:
        told = [one for one in rows if one["kind"] == Kind.OUTCOME and one["inference"] == row["inference"]]
        slots = {max(int(o["time"]), int(o["inferred"]) + mature) // (1800 * 10**6) for o in told}
        charged = [o for o in told if max(int(o["time"]), int(o["inferred"]) + mature) // (1800 * 10**6) == min(slots)]
        one = max(charged, key=lambda o: (int(o["time"]), int(o["event"])))
        return max(int(one["time"]), int(one["inferred"]) + mature), int(one["event"])

    names = {segment: [segment_of(row, segment) for row in last.values()] for segment in ("payer", "department")}
    told = sorted(zip(last.values(), *names.values(), strict=True), key=lambda one: counts_at(one[0]))
    for row, payer, department in told:
        builder.add(
            {"payer": payer, "department": department},
            int(row["score"]) / 1e6,
            confidence=int(row["confidence"]) / 1e6,
            at=int(row["inferred"]) / 1e6,
            known=first_time(rows, row),
            encounter=str(row["encounter"]) if row["encounter"] else None,
        )
    return builder.build()


def first_time(rows: np.ndarray, row: np.void) -> float:
    """Return when the outcome that was charged was recorded."""
    mature = int(row["inferred"]) + 3 * 3_600_000_000
    told = [o for o in rows if o["kind"] == Kind.OUTCOME and o["inference"] == row["inference"]]
    slot = 1800 * 10**6
    first = min(max(int(o["time"]), mature) // slot for o in told)
    return max(int(o["time"]) for o in told if max(int(o["time"]), mature) // slot == first) / 1e6


def segment_of(row: np.void, name: str) -> str:
    return WORDS[row["segments"][SEGMENTS.index(name)]]


def recorded(cuts: list[int], restarts: set[int], order: np.ndarray) -> dict[str, bytes]:
    kernel, saved = Kernel(POLICY, {"coding": make_baseline()}), {}
    for number, (start, end) in enumerate(pairwise([0, *sorted(cuts), len(order)])):
        kernel.apply(HISTORY.take(order[start:end]))
        kernel.advance()
        if number in restarts:
            saved |= kernel.dump_dirty()
            kernel = Kernel(POLICY, {"coding": make_baseline()})
            kernel.load({key: data for key, data in saved.items() if data})
    kernel.advance(to=END)
    saved |= kernel.dump_dirty()
    return {key: data for key, data in saved.items() if data and key.startswith("reference/")}


def record(saved: dict[str, bytes]) -> Record:
    weeks = {}
    for key, data in saved.items():
        _, model, version, week, digest = key.split("/")
        assert (model, digest) == ("coding", Layout.of(MODEL).digest)
        weeks[version, int(week)] = Reference.loads(data)
    return Record(weeks, 0, END, {"7": START + N * GAP})


ORDER = np.argsort(HISTORY.rows["time"], kind="stable")
EXPECTED = recorded([], set(), ORDER)


def test_the_weeks_add_up_to_what_a_builder_counts():
    expected = by_hand()
    found = freeze_recorded(record(EXPECTED), "coding", MODEL, "7", first=START, last=END, kind="fixed")
    assert len(EXPECTED) > 2
    made, cells = found.baseline, found.baseline.cells
    assert {key: cell.n for key, cell in cells.items()} == {key: cell.n for key, cell in expected.cells.items()}
    assert all(cell.sum == pytest.approx(expected.cells[key].sum) for key, cell in cells.items())
    assert any(name == "payer,department" for name, _, _ in cells)
    assert (made.since, made.until) == (expected.since, expected.until)
    assert made.labels == replace(expected.labels, per_day=pytest.approx(expected.labels.per_day))
    assert made.reference["confidence"]["counts"] == expected.reference["confidence"]["counts"]
    assert made.reference["confidence"]["sums"] == pytest.approx(expected.reference["confidence"]["sums"])
    assert made.confidence.mean == pytest.approx(expected.confidence.mean)
    assert made.confidence.sd == pytest.approx(expected.confidence.sd)
    assert made.quality.mean == pytest.approx(0.9, abs=0.02)
    assert (found.inferences, found.coverage) == (N, pytest.approx(found.outcomes / N))
    assert set(made.features) <= {"age", "code", "payer", "confidence"}


@settings(max_examples=6, deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(HISTORY)), max_size=4),
    restarts=st.sets(st.integers(0, 4), max_size=3),
    copies=st.integers(1, 2),
)
def test_the_same_records_leave_the_same_bytes(cuts, restarts, copies):
    assert recorded(cuts, restarts, np.repeat(ORDER, copies)) == EXPECTED


def test_only_the_weeks_asked_for_count_and_an_empty_time_is_refused():
    every = freeze_recorded(record(EXPECTED), "coding", MODEL, "7", first=START, last=END, kind="fixed")
    first = freeze_recorded(record(EXPECTED), "coding", MODEL, "7", first=START, last=START, kind="fixed")
    rest = freeze_recorded(record(EXPECTED), "coding", MODEL, "7", first=START + WEEK / 1e6, last=END, kind="fixed")
    assert first.baseline.n() + rest.baseline.n() == every.baseline.n()
    assert first.baseline.until < rest.baseline.since
    with pytest.raises(RecordedError, match="version 8 is recorded in that time; the record holds 7 in"):
        freeze_recorded(record(EXPECTED), "coding", MODEL, "8", first=START, last=END, kind="fixed")


def test_a_week_is_mature_when_its_last_inference_is():
    known = record(EXPECTED)
    sunday_night = (week_of(START) + 1) * 7 * 86_400.0 + 4 * 86_400.0
    for hours, expected in ((2.9, -1), (3.1, 0)):
        at = replace(known, watermark=sunday_night + hours * 3600.0)
        assert last_mature_week(at, MODEL) == week_of(START) + expected


def test_old_weeks_are_forgotten():
    kernel = Kernel(POLICY, {"coding": make_baseline()})
    kernel.load(EXPECTED | _clock())
    later = START + 90 * 7 * 86_400.0
    kernel.apply(batch([outcome(7, later, inferred=later, score=1.0)]))
    kernel.advance(to=later + 86_400.0)
    gone = {key for key, data in kernel.dump_dirty().items() if not data}
    assert set(EXPECTED) <= gone


def _clock() -> dict[str, bytes]:
    kernel = Kernel(POLICY, {"coding": make_baseline()})
    kernel.apply(batch([outcome(7, START, inferred=START, score=1.0)]))
    return {key: data for key, data in kernel.dump_dirty().items() if key == "clock"}
