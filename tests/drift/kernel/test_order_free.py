"""The same records give the same bytes, however they arrive."""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode import Batch
from otel_clinical.semconv.enums import ReviewAction
from tests.drift.kernel._world import START, World, batch, make_baseline, make_kernel, make_policy, outcome, review

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.drift.kernel import Kernel

POLICY, BASELINE = make_policy(maturity="5m", slot="30s"), make_baseline()
LATENESS = 120.0
NUMBER, GAP = 150, 7.0
END = START + 2 * 86400.0  # every answer is resolved


def _history() -> Batch:
    """Return records with every awkward thing in them: corrections, repeats, late labels, reviews, two activations."""
    worse = World(seed=3, gap=GAP, delay=30.0, drop=lambda n, _d, payer: 0.6 if n > 60 and payer == "private" else 0.0)
    first, second = worse.records(100), worse.records(NUMBER - 100, first=100)
    rows: list[Any] = []
    for number in range(0, 90, 7):
        inferred = START + number * GAP
        rows.append(outcome(number, inferred + 60.0, inferred=inferred, score=0.3, event=10_000 + number))
        rows.append(outcome(number, inferred + 400.0, inferred=inferred, score=0.0, event=20_000 + number))
        # Two different records with one event id.
        rows.append(outcome(number, inferred + 90.0, inferred=inferred, score=0.9, event=30_000 + number))
        rows.append(outcome(number + 1, inferred + 91.0, inferred=inferred, score=0.1, event=30_000 + number))
        rows += [
            review(number, inferred + 50.0 * n, n, inferred=inferred, event=50_000 + number + n) for n in (4, 1, 7)
        ]
    for patient in range(1, 12):  # three answers each, of one encounter; the second is wrong
        for n in range(3):
            inferred = START + patient * 60.0 + 40.0 * n
            about = {"inferred": inferred, "score": float(n != 1), "encounter": patient}
            rows.append(outcome(900 + 3 * patient + n, inferred + 20.0, event=60_000 + 3 * patient + n, **about))
    later = second.rows.copy()
    later["activation"] = 2
    return Batch.concat([first, Batch(later, second.words), batch(rows)])


HISTORY = _history()


def _arrival(seed: int, copies: float) -> Batch:
    """Return the history in an order in which no record is later than the lateness, with repeats."""
    rng = np.random.default_rng(seed)
    times = HISTORY.rows["time"] / 1e6
    places = np.arange(len(times))
    again = places[rng.random(len(places)) < copies]
    places = np.concatenate((places, again))
    arrival = times[places] + rng.uniform(0.0, LATENESS, len(places))
    return HISTORY.take(places[np.argsort(arrival, kind="stable")])


def _run(records: Batch, cuts: list[int], restarts: set[int]) -> tuple[Kernel, dict[str, bytes]]:
    """Feed `records` cut at `cuts`; at the numbers in `restarts` go on from what was saved, in another process."""
    kernel, saved = make_kernel(POLICY, BASELINE), {}
    edges = [0, *sorted(cuts), len(records)]
    for number, (start, end) in enumerate(pairwise(edges)):
        kernel.apply(Batch.from_bytes(records.take(range(start, end)).to_bytes()))
        kernel.advance()
        if number in restarts:
            kernel = _restarted(kernel, saved)
    kernel.advance(to=END)
    _save(kernel, saved)
    return kernel, saved


def _restarted(kernel: Kernel, saved: dict[str, bytes]) -> Kernel:
    _save(kernel, saved)
    fresh = make_kernel(POLICY, BASELINE)
    assert fresh.load(saved) == []
    return fresh


def _save(kernel: Kernel, saved: dict[str, bytes]) -> None:
    for key, data in kernel.dump_dirty().items():
        saved[key] = data
        if not data:
            del saved[key]


def _evidence(saved: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the states of detectors; the clock also counts repeats, which do differ."""
    return {key: data for key, data in saved.items() if not key.startswith("clock")}


EXPECTED_KERNEL, _saved = _run(HISTORY.take(np.argsort(HISTORY.rows["time"], kind="stable")), [], set())
EXPECTED = _evidence(_saved)


def test_history_is_not_trivial():
    rows = EXPECTED_KERNEL.evidence()
    assert {row.activation for row in rows} == {2}
    assert any(row.samples > 10 and row.drop > 0.1 for row in rows)
    assert {row.labels for row in EXPECTED_KERNEL.calibration() if row.segment == "all"} == {50}
    assert any(key.startswith("encounter/") for key in EXPECTED)
    assert any("/calibration/" in key for key in EXPECTED)
    assert any(key.endswith("/estimate") for key in EXPECTED)
    assert any(key.startswith("stream/coding/7/1/outcomes") for key in EXPECTED)
    assert {row.actions[ReviewAction.ACCEPTED] for row in EXPECTED_KERNEL.suggestions()} >= {13}
    assert {row.actions[ReviewAction.ESCALATED] for row in EXPECTED_KERNEL.suggestions()} >= {13}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    copies=st.floats(0.0, 1.0),
    cuts=st.lists(st.integers(0, len(HISTORY)), max_size=12),
    restarts=st.sets(st.integers(0, 12), max_size=4),
)
def test_order_repeats_cuts_and_restarts_leave_no_trace(seed, copies, cuts, restarts):
    kernel, saved = _run(_arrival(seed, copies), cuts, restarts)
    assert _evidence(saved) == EXPECTED
    assert kernel.evidence() == EXPECTED_KERNEL.evidence()
    assert kernel.drift() == EXPECTED_KERNEL.drift()
    assert kernel.coverage() == EXPECTED_KERNEL.coverage()
    assert kernel.suggestions() == EXPECTED_KERNEL.suggestions()
    assert kernel.calibration() == EXPECTED_KERNEL.calibration()
    assert kernel.estimates() == EXPECTED_KERNEL.estimates()
    assert kernel.waiting == EXPECTED_KERNEL.waiting


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1), shards=st.integers(1, 5), by_record=st.booleans())
def test_any_sharding_of_the_senders_leaves_no_trace(seed, shards, by_record):
    """Several receivers, each with a part of the sources, hand over in any order; each holds half the lateness."""
    rng = np.random.default_rng(seed)
    times = HISTORY.rows["time"] / 1e6
    arrival = times + rng.uniform(0.0, LATENESS / 2, len(times))
    source = np.arange(len(times)) if by_record else HISTORY.rows["segments"].sum(axis=1)
    shard = rng.integers(0, shards, int(source.max()) + 1)[source]
    turn = (arrival // (LATENESS / 2)).astype(int)
    kernel, saved = make_kernel(POLICY, BASELINE), {}
    for now in np.unique(turn):
        for one in rng.permutation(shards):
            kernel.apply(HISTORY.take(np.flatnonzero((turn == now) & (shard == one))))
            kernel.advance()
    kernel.advance(to=END)
    _save(kernel, saved)
    assert _evidence(saved) == EXPECTED


def test_one_record_at_a_time_equals_all_at_once():
    records = HISTORY.take(np.argsort(HISTORY.rows["time"], kind="stable"))
    _, saved = _run(records, list(range(1, len(records))), {5, 50})
    assert _evidence(saved) == EXPECTED


def test_closing_slots_late_changes_nothing():
    """When `advance` is called is the runtime's business; what is late is the watermark's."""
    kernel, saved = make_kernel(POLICY, BASELINE), {}
    records = _arrival(5, 0.3)
    for start in range(0, len(records), 17):
        kernel.apply(records.take(range(start, min(start + 17, len(records)))))
    kernel.advance(to=END)
    _save(kernel, saved)
    assert _evidence(saved) == EXPECTED


def test_saved_states_hold_no_pickle():
    for data in EXPECTED.values():
        assert data[:4] == b"OTCL"
        assert not data.startswith(pickle.PROTO)
