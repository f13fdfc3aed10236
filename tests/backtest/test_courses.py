"""The page draws what went in: shares by period beside the baseline, the moment of proof, and no small cell."""

from __future__ import annotations

import pytest

from otel_clinical.backtest import choose_baseline, read_history, run_backtest
from otel_clinical.backtest._course_panels import course_panels, reliability
from otel_clinical.backtest._courses import courses
from tests.backtest.conftest import COLUMNS, encounters

POLICY = """    features:
      payer: {kind: categorical, values: [medicaid, medicare]}
    input_drift: {window: 1d, minimum_inferences: 100}
    rollback: {target"""


def replayed(world, rows):
    text = world.policy_file.read_text(encoding="utf-8")
    world.policy_file.write_text(text.replace("    rollback: {target", POLICY), encoding="utf-8")
    world.change_mapping("baseline: {", "features:\n  payer: {column: payer}\nbaseline: {")
    mapping, policy, model = world.documents()
    history = read_history(world.csv(rows, columns=COLUMNS), mapping, model)
    used = choose_baseline(history, mapping, model, None, required=False)
    return run_backtest(history, mapping, policy, used)


def test_a_mix_that_moves_is_drawn_with_its_baseline_and_the_moment_of_proof(world):
    rows = encounters()
    for row in rows[1400:]:
        row["payer"] = "medicare"
    test = replayed(world, rows)
    by_name = {course.name: course for course in courses(test)}
    assert set(by_name) == {"payer", "department"}  # the payer's column once, as an input
    payer, department = by_name["payer"], by_name["department"]
    shares = {share.name: share for share in payer.shares}
    assert shares["medicare"].baseline == pytest.approx(0.5, abs=0.05)
    assert [round(share) for _, share in shares["medicare"].points[-5:]] == [1] * 5
    assert [share for _, share in shares["medicaid"].points[-5:]] == [0.0] * 5
    assert 1400 <= test.timeline.row_of(payer.proved) <= 1800
    assert department.proved is None
    drawn = {panel.name: panel for panel in course_panels(test)}
    assert "change first proved at row" in drawn["payer"].verdict
    assert ">proved<" in drawn["payer"].svg
    assert ">medicare 100%<" in drawn["payer"].svg
    assert "no change proved" in drawn["department"].verdict


def test_a_small_cell_is_not_drawn(world):
    rows = encounters(1300)
    for place, row in enumerate(rows):
        if row["payer"] == "medicaid" and place % 25:
            row["payer"] = "medicare"
    (course,) = (course for course in courses(replayed(world, rows)) if course.name == "payer")
    shares = {share.name: share for share in course.shares}
    assert [share for _, share in shares["medicaid"].points if share] == []
    assert len(shares["medicare"].points) == 13


def test_the_calibration_is_plotted_with_named_axes_and_one_line_per_period(world):
    svg = reliability(replayed(world, encounters()))
    assert svg.count("<polyline") == 3  # the diagonal, the baseline's rows, the others
    for words in (
        "confidence that the model stated",
        "answers that were right",
        "● baseline rows (error",
        "○ other rows",
    ):
        assert words in svg
