"""Declared pairs of segments are streams of their own; the cross product of all segments never is."""

from __future__ import annotations

import pytest

from otel_clinical.drift.kernel import TierChange
from otel_clinical.drift.kernel._design import thresholds
from otel_clinical.policy import BaselineBuilder
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel._world import DEPARTMENTS, PAYERS, START, World, make_kernel, make_policy, row_of, run

PAIR = "payer,department"
BAD = ("private", "oncology")
POLICY = make_policy(standardise_by="department\n    pairs: [[payer, department]]")


def baseline(n=200, rare=40):
    """Return the truth of every combination, `n` outcomes each but `rare` of one."""
    builder = BaselineBuilder.for_model("coding", POLICY.models["coding"])
    for department, accuracy in DEPARTMENTS.items():
        for payer in PAYERS:
            size = rare if (payer, department) == ("self", "oncology") else n
            for number in range(size):
                builder.add({"payer": payer, "department": department}, float(number < round(size * accuracy)))
    for _ in range(30):
        builder.add({"payer": "undeclared", "department": "oncology"}, 1.0)
    return builder.build()


def worse(n, department, payer):
    return 0.5 if n >= 1000 and (payer, department) == BAD else 0.0


def test_every_declared_combination_is_a_stream_and_nothing_else_is():
    kernel = make_kernel(POLICY, baseline())
    run(kernel, World(1).records(50))
    found = {row.value for row in kernel.evidence() if row.segment == PAIR}
    assert found == {f"{payer},{department}" for payer in PAYERS for department in DEPARTMENTS}
    assert {row.segment for row in kernel.evidence()} == {"all", "payer", "department", PAIR}


def test_a_combination_that_the_reference_hardly_saw_is_not_watched():
    kernel = make_kernel(POLICY, baseline(rare=10))
    run(kernel, World(1).records(50))
    assert "self,oncology" not in {row.value for row in kernel.evidence() if row.segment == PAIR}


def test_a_drop_of_one_combination_fires_there_before_and_stronger_than_in_its_margins():
    world = World(3, drop=worse)
    kernel = make_kernel(POLICY, baseline(n=2000, rare=2000))
    transitions = run(kernel, world.records(6000), to=START + 6000 * world.gap + 4000.0)
    fired = {
        (found.row.segment, found.row.value)
        for found in transitions
        if isinstance(found, TierChange) and found.level is EscalationLevel.ROLLBACK
    }
    assert (PAIR, ",".join(BAD)) in fired
    assert {place for place in fired if place[0] == PAIR} == {(PAIR, ",".join(BAD))}
    row = row_of(kernel, PAIR, ",".join(BAD))
    assert row.drop == pytest.approx(0.5, abs=0.12)
    assert any((PAIR, ",".join(BAD)) in found.named for found in kernel.discoveries())


def test_nothing_changed_reaches_no_tier_in_any_pair():
    world = World(3)
    kernel = make_kernel(POLICY, baseline(n=2000, rare=2000))
    transitions = run(kernel, world.records(3000), to=START + 3000 * world.gap + 4000.0)
    assert not [found for found in transitions if isinstance(found, TierChange)]


def test_the_labels_of_a_pair_are_those_of_both_its_values_and_survive_a_restart():
    kernel, reference = make_kernel(POLICY, baseline()), baseline()
    records = World(2).records(400)
    run(kernel, records, to=START + 9000.0)
    by_payer = sum(row.labels for row in kernel.evidence() if row.segment == "payer")
    assert sum(row.labels for row in kernel.evidence() if row.segment == PAIR) == by_payer > 300
    again = make_kernel(POLICY, reference)
    assert again.load(kernel.dump_dirty()) == []
    assert again.evidence() == kernel.evidence()


def test_a_pair_takes_its_share_of_the_budget():
    level = EscalationLevel.ROLLBACK
    assert thresholds(POLICY)["coding"][level] == pytest.approx(thresholds(make_policy())["coding"][level] * 4 / 3)
