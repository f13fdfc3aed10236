"""What is true in the simulated world, and who arrives."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from otel_clinical.simulate.population import DEPARTMENTS, NORMAL_MIX, PAYERS, SEGMENTS, SITES, Arrivals
from otel_clinical.simulate.truth import QUIET, TruthFile, write_truth

DRAWS = 6_000


def draw(truth=QUIET, count=DRAWS, seed=1):
    arrivals = Arrivals(random.Random(seed))
    return [arrivals.draw(truth.mix, truth.lost_fields) for _ in range(count)]


def accuracy(encounters, truth, version="7"):
    return sum(truth.accuracy(encounter, version) for encounter in encounters) / len(encounters)


def test_the_system_has_twelve_hospitals_four_ehrs_six_payers_and_five_departments():
    assert [len(SEGMENTS[name]) for name in ("site", "source_system", "payer", "department")] == [12, 4, 6, 5]
    assert sum(PAYERS.values()) == pytest.approx(1)
    assert sum(NORMAL_MIX.values()) == pytest.approx(1)


def test_every_hospital_keeps_its_records_in_its_own_ehr_system():
    assert {(e.site, e.source_system) for e in draw()} == set(SITES.items())


def test_the_mix_is_what_the_truth_says():
    mix = {**dict.fromkeys(NORMAL_MIX, 0.05), "pulmonology": 0.8}
    seen = Counter(e.department for e in draw(replace(QUIET, mix=mix)))
    assert seen["pulmonology"] / DRAWS == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_accuracy_of_a_department_does_not_depend_on_the_mix(department):
    surge = replace(QUIET, mix={**dict.fromkeys(NORMAL_MIX, 0.1), "pulmonology": 0.6})
    for truth in (QUIET, surge):
        here = [e for e in draw(truth) if e.department == department]
        assert accuracy(here, truth) == pytest.approx(DEPARTMENTS[department].accuracy, abs=0.015)


def test_a_surge_of_the_hard_department_lowers_plain_accuracy_by_more_than_a_tier():
    surge = replace(QUIET, mix={**dict.fromkeys(NORMAL_MIX, 0.35 / 4), "pulmonology": 0.65})
    assert accuracy(draw(surge), surge) < 0.95 * accuracy(draw(), QUIET)


def test_a_payer_rule_hurts_both_versions_alike_and_only_that_payer():
    rule = replace(QUIET, payer_drop={"medicaid": 0.2})
    for encounter in draw(count=200):
        for version in ("7", "8"):
            ratio = rule.accuracy(encounter, version) / QUIET.accuracy(encounter, version)
            assert ratio == pytest.approx(0.8 if encounter.payer == "medicaid" else 1.0)


def test_version_8_is_a_quarter_worse_everywhere():
    for encounter in draw(count=200):
        assert QUIET.accuracy(encounter, "8") == pytest.approx(0.75 * QUIET.accuracy(encounter, "7"))


def test_lost_fields_stay_in_their_source_system():
    encounters = draw(replace(QUIET, lost_fields={"ehr-c": 0.3}))
    incomplete = Counter(e.source_system for e in encounters if not e.complete)
    total = Counter(e.source_system for e in encounters)
    assert set(incomplete) == {"ehr-c"}
    assert incomplete["ehr-c"] / total["ehr-c"] == pytest.approx(0.3, abs=0.05)


def test_the_same_seed_draws_the_same_encounters():
    assert draw(count=50) == draw(count=50)
    assert draw(count=50) != draw(count=50, seed=2)


def test_a_changed_world_file_is_read_at_the_next_look(tmp_path):
    path = tmp_path / "world.json"
    write_truth(path, QUIET)
    world = TruthFile(path)
    assert world.current() == QUIET
    changed = replace(QUIET, payer_drop={"medicaid": 0.2})
    write_truth(path, changed)
    assert world.current() == changed
    assert world.current() is world.current()
