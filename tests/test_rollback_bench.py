"""The benchmark of rollbacks: its parts run in tiny form, and its table judges what it is given."""

from __future__ import annotations

import pytest

from benchmarks import rollback
from benchmarks._rollback_load import Load
from soak._nursery import CONTROLLER, Nursery


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with Nursery(*CONTROLLER) as nursery:
        yield rollback.Bench(tmp_path_factory.mktemp("bench"), nursery)


def test_a_controller_is_sent_both_loads_and_answers_all_of_them(bench):
    fastest, steady, offered = bench.loads(0.2)
    assert fastest.delays
    assert steady.delays
    assert (fastest.refused, steady.refused) == (0, 0)
    assert 0 < offered <= rollback.RATE


@pytest.mark.parametrize("retry", [0.02, 1.0])
def test_the_time_until_the_pointer_is_changed_is_measured(bench, retry):
    assert bench.applied(retry) > 0


def test_the_router_is_measured_against_a_lookup(tmp_path):
    *costs, ratio = rollback.router_rows(tmp_path / "router", calls=10)
    assert costs[0].ours == ratio.ours > 0
    assert ratio.baseline > 0
    said = " ".join(cost.measure for cost in costs)
    assert all(word in said for word in ("refresh=0", "control arm", "10 segment rules"))
    assert [cost.must for cost in costs].count("<= 1") == 3


def test_what_is_late_or_refused_misses_its_must():
    fast, slow = Load(1.0, 0, [0.01] * 100), Load(1.0, 1, [0.01] * 98 + [0.2] * 2)
    assert all(one.ok for one in rollback.load_rows(fast, fast, 100.0))
    assert sum(not one.ok for one in rollback.load_rows(fast, slow, 100.0)) == 2
    assert all(one.ok for one in rollback.applied_rows([0.1] * 3, [2.0] * 3))
    assert sum(not one.ok for one in rollback.applied_rows([0.1, 0.3], [2.0, 6.0])) == 2
