"""Inputs with a daily and weekly cycle: no alarm against the same hours of the week, and a real shift still found."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.kernel import FeatureMoved, Kernel
from otel_clinical.policy import BaselineBuilder, hour_of_week, parse_baseline, policy_problems
from otel_clinical.policy._baseline_hours import merged_hours
from tests.drift.kernel import _world
from tests.drift.kernel._features import FEATURES, policy
from tests.drift.kernel._world import batch, inference, run

HOURLY = FEATURES.replace("window: 10m", "window: 1h, reference: same_hour_of_week")
BAND = HOURLY.replace("same_hour_of_week", "band")
MONDAY = 1_767_571_200.0  # 5 January 2026, 00:00 UTC
DAY = 86_400.0
PRIVATE_BY_DAY, PRIVATE_BY_NIGHT, PRIVATE_AT_WEEKENDS = 0.1, 0.6, 0.35


def drawn(rng, time, *, older=0, private=0.0):
    """Return the bins of age, code and payer at a time of the cycle."""
    hour, day = int(time // 3600) % 24, int((time - MONDAY) // DAY) % 7
    night = not 8 <= hour < 20
    share = PRIVATE_AT_WEEKENDS if day >= 5 else PRIVATE_BY_NIGHT if night else PRIVATE_BY_DAY
    age = int(np.clip(rng.normal(3.0 if night else 6.0, 1.5), 0, 9 - older)) + older
    return age, int(rng.random() < 0.3), 2 if rng.random() < share + private else 0


def frozen(text, weeks=2, gap=60.0):
    model = policy(text).models["coding"]
    builder = BaselineBuilder.for_model("coding", model)
    rng = np.random.default_rng(1)
    ages, payers, codes = (5, *range(15, 100, 10)), ("medicaid", "medicare", "private"), ("A12.3", "12345")
    for time in np.arange(MONDAY - weeks * 7 * DAY, MONDAY, gap).tolist():
        age, code, payer = drawn(rng, time)
        values = {"age": ages[age], "code": codes[code], "payer": payers[payer]}
        builder.add({"department": "cardiology", "payer": "medicaid"}, 1.0, at=time, features=values)
    return builder.build()


@pytest.fixture(scope="module")
def known():
    return frozen(HOURLY)


def served(hours, *, begin=MONDAY, gap=12.0, seed=0, **moved):
    rng = np.random.default_rng([7, seed])
    times = np.arange(begin, begin + hours * 3600.0, gap).tolist()
    return batch(
        inference(
            round(time - MONDAY),
            time,
            features=(*drawn(rng, time, **moved), *[255] * 13),
            department="cardiology",
            payer="medicaid",
        )
        for time in times
    )


def moved(known, text, records):
    found = Kernel(policy(text), {"coding": known})
    changes = run(found, records, to=MONDAY + 30 * DAY)
    return {change.row.feature for change in changes if isinstance(change, FeatureMoved)}


def test_a_cycle_that_alarms_against_the_band_does_not_against_the_same_hours(known):
    records = served(48, begin=MONDAY + 4 * DAY)  # Friday and Saturday
    assert moved(known, BAND, records) == {"age", "payer"}
    assert moved(known, HOURLY, records) == set()


@pytest.mark.parametrize(("shift", "feature"), [({"older": 3}, "age"), ({"private": 0.3}, "payer")])
def test_a_real_shift_is_found_against_the_same_hours(known, shift, feature):
    assert moved(known, HOURLY, served(24, **shift)) == {feature}


def test_what_is_usual_by_night_is_found_by_day(known):
    by_day = served(8, begin=MONDAY + 9 * 3600.0)
    as_by_night = served(8, begin=MONDAY + 21 * 3600.0)
    rows = as_by_night.rows.copy()
    rows["time"] -= 12 * 3_600_000_000
    assert moved(known, HOURLY, by_day) == set()
    assert moved(known, HOURLY, Batch(rows, as_by_night.words)) == {"age", "payer"}


def test_a_restart_within_a_look_changes_nothing(known):
    records = served(9)
    straight, first = (Kernel(policy(HOURLY), {"coding": known}) for _ in range(2))
    run(straight, records, to=MONDAY + DAY)
    half = len(records) // 2
    run(first, records.take(range(half)))
    saved = first.dump_dirty()
    second = Kernel(policy(HOURLY), {"coding": known})
    assert second.load({key: data for key, data in saved.items() if data}) == []
    run(second, records.take(range(half, len(records))), to=MONDAY + DAY)
    assert second.features() == straight.features()
    assert max(row.inferences for row in straight.features()) > 200


def test_the_other_reference_begins_anew(known):
    found = Kernel(policy(HOURLY), {"coding": known})
    run(found, served(3))
    sentences = Kernel(policy(BAND), {"coding": known}).load(found.dump_dirty())
    assert any("features" in sentence for sentence in sentences)


def test_hours_are_merged_until_they_are_large_enough():
    many = dict.fromkeys(range(24), (300, 1, 0, 0))  # Monday
    some = {24 * day + 3: (60, 0, 0, 0) for day in range(1, 5)}  # four weekdays at 3
    weekend = {24 * 5 + 4: (120, 0, 9, 0), 24 * 6 + 4: (20, 70, 0, 0)}
    few = {24 * 5 + 6: (150, 0, 0, 0), 24 + 6: (60, 0, 0, 0), 24 * 5 + 7: (199, 0, 500, 500)}
    blocks = merged_hours(many | some | weekend | few, bins=2)
    assert all(sum(block.counts[:2]) >= 200 for block in blocks)
    by_hours = {block.hours: block.counts for block in blocks if len(block.hours) > 1}
    assert by_hours == {
        (27, 51, 75, 99): (240, 0, 0, 0),
        (124, 148): (140, 70, 9, 0),
        (30, 126): (210, 0, 0, 0),
    }
    assert 127 not in {hour for block in blocks for hour in block.hours}


def test_the_hours_are_in_the_file_and_only_where_the_policy_asks(known):
    assert parse_baseline(known.dumps()) == known
    assert known.features["age"].hours["all", "all"]
    again = frozen(BAND, weeks=1, gap=600.0)
    assert not any(reference.hours for reference in again.features.values())
    assert "hours" not in again.dumps()


def test_a_baseline_without_hours_is_a_problem_of_the_policy(tmp_path):
    text = tmp_path / "p.yaml"
    text.write_text(_world._TEXT.format(**_world._DEFAULTS) + HOURLY, encoding="utf-8")
    frozen(BAND, weeks=1, gap=600.0).save(tmp_path / "baseline.json")
    (problem,) = [p for p in policy_problems(text) if "input_drift" in str(p)]
    assert "holds no hour of the week with 200 values" in str(problem)


def test_the_hour_of_a_time_is_that_of_utc():
    assert hour_of_week(MONDAY + 25.5 * 3600) == 25
