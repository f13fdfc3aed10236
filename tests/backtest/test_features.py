"""Input features of a history: what moved is named with its row, and a history that only wobbles names nothing."""

from __future__ import annotations

import random

import pytest

from otel_clinical.backtest import HistoryError, as_json, choose_baseline, read_history, run_backtest
from otel_clinical.backtest._report import render_page
from tests.backtest.conftest import COLUMNS, START, encounters

POLICY = """    features:
      age: {kind: numeric, edges: [20, 40, 60, 80]}
      code: {kind: format, masks: ["A99.9"]}
    input_drift: {window: 1d, minimum_inferences: 100}
    rollback: {target"""
MAPPING = """features:
  age: {column: age}
  code: {column: code}
baseline: {"""


def with_features(n=2400, moved_from=None):
    draw = random.Random(11)
    rows = encounters(n)
    for place, row in enumerate(rows):
        old = moved_from is not None and place >= moved_from
        row["age"] = f"{draw.gauss(75 if old else 50, 12):.1f}"
        row["code"] = f"{'k' if old and draw.random() < 0.6 else 'K'}35.{draw.randrange(10)}"
        if draw.random() < 0.02:
            row["age"] = draw.choice(["", "?", "unknown"])
    return rows


def in_four_hours(rows):
    """Let every day's forty rows come between midnight and four."""
    for place, row in enumerate(rows):
        row["time"] = f"{START - START % 86_400 + place // 40 * 86_400 + place % 40 * 360:.1f}"
    return rows


@pytest.fixture
def watching(world):
    text = world.policy_file.read_text(encoding="utf-8")
    world.policy_file.write_text(text.replace("    rollback: {target", POLICY), encoding="utf-8")
    world.change_mapping("baseline: {", MAPPING)
    return world


def backtest(world, rows):
    mapping, policy, model = world.documents()
    history = read_history(world.csv(rows, columns=(*COLUMNS, "age", "code")), mapping, model)
    used = choose_baseline(history, mapping, model, None, required=False)
    return run_backtest(history, mapping, policy, used)


def test_inputs_like_those_of_the_baseline_are_not_named(watching):
    test = backtest(watching, with_features())
    content = as_json(test)
    assert content["moved"] == []
    assert set(test.used.baseline.features) == {"age", "code", "confidence"}
    assert sum(test.used.baseline.features["age"].cells["all", "all"]) == 1200
    assert test.used.baseline.features["age"].cells["all", "all"][-2] > 0, "words in place of numbers are unreadable"
    assert "Inputs that moved" in render_page(test, content)


def test_a_baseline_of_the_history_holds_the_hours_where_the_policy_compares_them(watching):
    text = watching.policy_file.read_text(encoding="utf-8")
    hourly = text.replace("{window: 1d,", "{window: 1d, reference: same_hour_of_week,")
    watching.policy_file.write_text(hourly, encoding="utf-8")
    with pytest.raises(HistoryError, match="holds no hour of the week with 200 values"):
        backtest(watching, with_features())
    usual, shifted = (backtest(watching, in_four_hours(with_features(moved_from=row))) for row in (None, 1500))
    assert usual.used.baseline.features["age"].hours["all", "all"]
    assert as_json(usual)["moved"] == []
    assert {one["feature"] for one in as_json(shifted)["moved"] if one["segment"] == "all"} == {"age", "code"}


def test_what_moved_is_named_with_its_first_row(watching):
    test = backtest(watching, with_features(moved_from=1500))
    content = as_json(test)
    whole = {one["feature"]: one for one in content["moved"] if one["segment"] == "all"}
    assert set(whole) == {"age", "code"}
    for one in whole.values():
        assert one["aspects"] == ["distribution"]
        assert 1500 < one["first_row"] < 2200
        assert one["moved"] > 0.3
    assert "K35" not in str(content)
    assert "<td>code</td>" in render_page(test, content)


def test_a_feature_that_the_policy_does_not_declare_is_refused(world):
    world.change_mapping("baseline: {", MAPPING)
    with pytest.raises(HistoryError, match="the policy declares no feature age, code; declared: none"):
        world.documents()


def test_a_feature_without_a_column_is_left_out(watching):
    watching.change_mapping("  code: {column: code}\n", "")
    _, _, model = watching.documents()
    assert list(model.features) == ["age"]
