"""Each cause of a drop is told from the others, by exactly the fact that tells it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.kernel._attribution import Comparison, InputShift, LabelHealth, Situation, attribute
from otel_clinical.drift.kernel._causes import activated
from otel_clinical.semconv.enums import AttributionCause as Cause
from tests.drift.kernel._world import START, World, make_kernel, make_policy, run

DAY = 86_400.0
CHANGE = START + 30 * DAY
VERSION = Situation(change_point=CHANGE, activated=CHANGE - 3600.0, window=14 * DAY, slack=60.0)
"""A drop that began an hour after the activation, with nothing else to be seen."""
OTHER_TIME = CHANGE - 3 * DAY


def test_a_drop_soon_after_the_activation_is_put_down_to_the_version():
    assert attribute(VERSION).cause is Cause.VERSION


@pytest.mark.parametrize(
    ("fact", "cause", "reason"),
    [
        ({"labels": LabelHealth(coverage=0.5, minimum=0.8)}, Cause.LABEL_FEED, "label coverage 50%"),
        ({"labels": LabelHealth(silent=2 * DAY, longest=DAY)}, Cause.LABEL_FEED, "no outcome for"),
        ({"comparison": Comparison(400, better=False, no_better=True)}, Cause.ENVIRONMENT, "no better"),
        ({"models": [("triage", CHANGE + 600.0)]}, Cause.ENVIRONMENT, "triage dropped at the same time"),
        ({"models": [("triage", CHANGE + 600.0)], "together": 300.0}, Cause.VERSION, "soon after"),
        ({"shifts": [InputShift("input_quality", CHANGE + 600.0)]}, Cause.INPUT, "input_quality changed"),
        ({"activated": CHANGE - 15 * DAY}, Cause.ENVIRONMENT, "long after"),
        ({"activated": CHANGE + 120.0}, Cause.ENVIRONMENT, "before"),
        ({"activated": None}, Cause.UNKNOWN, "nothing tells"),
        ({"change_point": None}, Cause.UNKNOWN, "nothing tells"),
        ({"activated": CHANGE - 15 * DAY, "source": "ehr-b"}, Cause.INPUT, "only source system ehr-b"),
        ({"activated": None, "source": "ehr-b"}, Cause.INPUT, "only source system ehr-b"),
    ],
)
def test_one_fact_turns_the_verdict(fact, cause, reason):
    verdict = attribute(replace(VERSION, **fact))
    assert verdict.cause is cause
    assert reason in verdict.reasons[0].words


@pytest.mark.parametrize(
    "fact",
    [
        {"labels": LabelHealth(coverage=0.8, minimum=0.8, silent=DAY, longest=DAY)},
        {"comparison": Comparison(3, better=False, no_better=False)},
        {"comparison": Comparison(400, better=True, no_better=False)},
        {"models": [("triage", OTHER_TIME)]},
        {"shifts": [InputShift("input_quality", OTHER_TIME)]},
        {"activated": CHANGE - 14 * DAY},
        {"activated": CHANGE + 60.0},
        {"source": "ehr-b"},
    ],
)
def test_facts_within_their_bounds_or_of_another_time_do_not(fact):
    assert attribute(replace(VERSION, **fact)).cause is Cause.VERSION


def test_a_comparison_on_the_same_cases_beats_every_circumstance_but_not_a_broken_label_feed():
    better = Comparison(400, better=True, no_better=False)
    elsewhere = replace(VERSION, activated=None, models=[("triage", CHANGE)], comparison=better)
    assert attribute(elsewhere).cause is Cause.VERSION
    assert attribute(replace(elsewhere, labels=LabelHealth(0.1, 0.8))).cause is Cause.LABEL_FEED


POLICY = make_policy(maturity="5m", slot="30s")
N, SWITCH = 3000, 1200


def _verdict(records):
    kernel = make_kernel(POLICY)
    run(kernel, records)
    kernel.advance(to=START + N * 10.0 + 3600.0)
    found = {(row.version, row.segment): row for row in kernel.attributions()}
    return found.get(("8", "all")) or found.get(("7", "all"))


def _history(*, drop_at, versions=True):
    world = World(seed=5, drop=lambda n, _d, _p: 0.35 if n >= drop_at else 0.0)
    if not versions:
        return world.records(N)
    new = World(seed=5, drop=world.drop, version="8", activation=2)
    return Batch.concat([world.records(SWITCH), new.records(N - SWITCH, first=SWITCH)])


def test_the_kernel_blames_a_version_that_is_worse_from_its_first_inference():
    assert _verdict(_history(drop_at=SWITCH)).cause is Cause.VERSION


def test_without_a_drop_there_is_no_verdict():
    assert _verdict(_history(drop_at=N)) is None


def test_the_kernel_does_not_guess_where_only_one_version_ever_served():
    assert _verdict(_history(drop_at=SWITCH, versions=False)).cause is Cause.UNKNOWN


def test_the_kernel_sees_poor_input_at_the_time_of_the_drop():
    records = _history(drop_at=SWITCH)
    rows = records.rows.copy()
    late = (rows["kind"] == 1) & (rows["inferred"] >= round((START + SWITCH * 10.0) * 1e6))
    rows["quality"][late] -= 300_000
    assert _verdict(Batch(rows, records.words)).cause is Cause.INPUT


def test_the_kernel_sees_that_most_outcomes_are_missing():
    records = _history(drop_at=SWITCH)
    lost = (records.rows["kind"] == 2) & (records.rows["inference"] % 3 != 0)
    assert _verdict(records.take(np.flatnonzero(~lost))).cause is Cause.LABEL_FEED


def test_versions_that_serve_side_by_side_have_no_moment_of_activation():
    kernel = make_kernel(POLICY)
    run(kernel, _history(drop_at=SWITCH))
    (row,) = (row for row in kernel.evidence() if (row.version, row.segment) == ("8", "all"))
    served = {("coding", "7"): {1: START + 100.0}, ("coding", "8"): {2: START + 900.0}}
    assert activated(served, row, slack=60.0) == START + 100.0
    assert activated(served | {("coding", "7"): {1: START + 890.0}}, row, slack=60.0) is None
    assert activated(served | {("coding", "7"): {}}, row, slack=60.0) is None
    assert activated(served | {("triage", "1"): {1: START + 899.0}}, row, slack=60.0) == START + 100.0
