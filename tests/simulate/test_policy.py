"""The policy, baseline and pointer of a demonstration."""

from __future__ import annotations

import pytest

from otel_clinical.policy import load_baseline, load_policy
from otel_clinical.release import read_pointer
from otel_clinical.simulate._policy import Load, validate, write_policy
from otel_clinical.simulate.population import DEPARTMENTS, SEGMENTS


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("policy"), Load(), seed=1)


def test_the_policy_is_valid_and_enforces(written):
    model = load_policy(written).models["coding"]
    assert model.rollback.mode == "enforce"
    assert {name.value: values for name, values in model.segments.items()} == dict(SEGMENTS)


def test_the_false_alarm_budgets_are_spread_over_the_real_rate_of_labels(written):
    """Time is compressed, the statistics are not."""
    labels = load_policy(written).models["coding"].labels
    assert labels.per_day == round(Load().rate * Load().labelled * 86_400)


def test_the_baseline_is_what_validation_would_have_found(written):
    baseline = load_baseline(written.parent / "baseline.json")
    for name, department in DEPARTMENTS.items():
        assert baseline.ratio("department", name) == pytest.approx(department.accuracy, abs=0.015)


def test_version_7_has_been_serving_for_90_days(written):
    pointer = read_pointer(written.parent / "coding.json")
    assert (pointer.version, pointer.activation, pointer.rules) == ("7", 1, ())
    assert pointer.updated_at == pointer.activated_at


def test_the_same_seed_gives_the_same_baseline():
    first, again, other = validate(1, 2_000), validate(1, 2_000), validate(2, 2_000)
    assert first.cells == again.cells
    assert first.cells != other.cells
