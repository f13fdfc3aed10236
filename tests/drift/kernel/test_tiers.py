"""Which tier a row reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_clinical.drift.kernel import EvidenceRow, decide_tier
from otel_clinical.semconv.enums import EscalationLevel
from tests.drift.kernel._world import make_policy

TIERS = make_policy().models["coding"].tiers
ONE, TWO, THREE = TIERS
PROVED = dict.fromkeys(TIERS, 5.0)
ROW = EvidenceRow(
    model="coding",
    version="7",
    activation=1,
    segment="all",
    value="all",
    labels=1000,
    samples=200,
    drop=0.2,
    performance=0.7,
    performance_samples=200,
    baseline=0.9,
    change_point=1.0,
    evidence=PROVED,
    current=PROVED,
    latched=dict.fromkeys(TIERS, True),
    updated=2.0,
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, THREE),
        ({"drop": 0.15}, THREE),
        ({"drop": 0.1499}, TWO),
        ({"drop": 0.0999}, ONE),
        ({"drop": 0.0499}, EscalationLevel.NONE),
        ({"drop": -0.3}, EscalationLevel.NONE),
        ({"samples": 100}, THREE),
        ({"samples": 99}, EscalationLevel.NONE),
        ({"samples": 199, "drop": 0.12}, TWO),
        ({"samples": 199, "drop": 0.07}, EscalationLevel.NONE),
        ({"evidence": {**PROVED, THREE: 0.999}}, TWO),
        ({"evidence": {**PROVED, THREE: 1.0}}, THREE),
        ({"evidence": {ONE: 1.0}}, ONE),
        ({"evidence": {}}, EscalationLevel.NONE),
    ],
)
def test_all_three_conditions_must_hold(change, expected):
    assert decide_tier(replace(ROW, **change), TIERS) is expected


def test_without_tiers_nothing_is_reached():
    assert decide_tier(ROW, {}) is EscalationLevel.NONE


@pytest.mark.parametrize(("samples", "expected"), [(10, EscalationLevel.NONE), (11, THREE)])
def test_no_tier_is_reached_on_fewer_outcomes_than_may_be_shown(samples, expected):
    tiers = {level: tier.model_copy(update={"minimum_labels": 5}) for level, tier in TIERS.items()}
    assert decide_tier(replace(ROW, samples=samples), tiers) is expected
