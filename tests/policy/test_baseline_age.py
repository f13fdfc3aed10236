"""A baseline has its time: a season passes, and a version of long ago is no measure of today."""

from __future__ import annotations

import pytest

from otel_clinical.policy import Baseline, Cell, baseline_end, outdated, parse_policy, replaced_at
from otel_clinical.policy._schema import BaselineFile
from tests.drift.kernel import _world

DAY = 86_400.0
YEAR = 365.25 * DAY
UNTIL = 1_760_000_000.0


def baseline(kind, until=UNTIL):
    return Baseline("coding", "7", "accuracy", {("all", "all", "all"): Cell(100, 90.0)}, until=until, kind=kind)


@pytest.mark.parametrize(
    ("kind", "maximum_age", "age"),
    [
        ("fixed", None, None),
        ("fixed", "30d", 30 * DAY),
        ("previous_version", None, YEAR),
        ("previous_version", "2y", 2 * YEAR),
        ("same_season", None, 52 * 7 * DAY),
        ("same_season", "30d", 30 * DAY),
        ("same_season", "2y", 52 * 7 * DAY),
    ],
)
def test_a_baseline_ends_with_its_season_or_its_age(kind, maximum_age, age):
    said = BaselineFile.model_validate({"file": "b.json", "kind": kind, "maximum_age": maximum_age})
    end = baseline_end(said, baseline(kind))
    assert end == (None if age is None else pytest.approx(UNTIL + age))
    assert baseline_end(said, baseline(kind, until=0.0)) is None


def test_what_has_had_its_time_is_said_from_that_moment_on():
    policy = parse_policy(_world._TEXT.format(**_world._DEFAULTS), baselines=False)
    known = {"coding": baseline("same_season")}
    end = UNTIL + 364 * DAY
    assert list(outdated(policy, known, end - 1)) == []
    (said,) = outdated(policy, known, end)
    assert said == "the baseline of coding (kind same_season) ended on 2026-10-08: its season has passed"
    (said,) = outdated(policy, {"coding": baseline("previous_version")}, UNTIL + YEAR)
    assert said.endswith("it is too old")


@pytest.mark.parametrize(
    ("served", "end"),
    [
        ({"8": 50.0, "7": 40.0}, None),
        ({"7": 50.0, "8": 40.0}, None),  # rolled back to it
        ({"9": 60.0, "8": 50.0, "7": 40.0}, 50.0),
        ({"9": 60.0, "8": 50.0}, 50.0),  # its own time is forgotten
        ({"_OTHER": 60.0, "8": 50.0, "7": 40.0}, None),
        ({"9": 60.0}, None),
        ({}, None),
    ],
)
def test_the_version_before_the_last_one_is_no_previous_version(served, end):
    assert replaced_at(baseline("previous_version"), served) == end
    assert replaced_at(baseline("fixed"), served) is None
