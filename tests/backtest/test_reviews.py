"""A history of reviews is replayed as reviews: the override ratio is its metric, and outcomes cannot pass for it."""

from __future__ import annotations

import random

import pytest

from otel_clinical.backtest import HistoryError, as_json, choose_baseline, parse_injection, read_history, run_backtest
from otel_clinical.backtest._report import write_report
from otel_clinical.policy import PolicyErrors

MAPPED = 'review: {column: action, accepted: ["ok"], edited: ["changed"], rejected: ["no"], ignored: ["-"]}'
ROLLBACK = "      rollback: {drop: 15%, guard: 5%, minimum_labels: 60, false_alarms: 1 per 5y}\n"


@pytest.fixture
def reviewed(world):
    """A world whose labels are reviews: what is decided on, and what is not."""
    text = world.policy_file.read_text(encoding="utf-8").replace(ROLLBACK, "")
    metric = "    metric: {name: override_ratio, drop: points}\n    labels: {maturity"
    world.policy_file.write_text(text.replace("    labels: {maturity", metric), encoding="utf-8")
    world.change_mapping('truth: {column: truth, positive: ["1"], negative: ["0"]}', MAPPED)
    world.change_mapping("  prediction: {probability: p, threshold: 0.5}\n", "")
    world.change_mapping("baseline: {", "confidence: {column: p}\nbaseline: {")
    return world


def history(rows, overridden=0.2, seed=7):
    draw = random.Random(seed)
    said = []
    for row in rows:
        word = draw.choice(["changed", "no"]) if draw.random() < overridden else "ok"
        said.append({**row, "action": "-" if draw.random() < 0.1 else word})
    return said


def backtest(world, rows, *faults):
    mapping, policy, model = world.documents()
    read = read_history(world.csv(rows, columns=(*rows[0],)), mapping, model)
    used = choose_baseline(read, mapping, model, model.baseline.file, required=False)
    return run_backtest(read, mapping, policy, used, injections=[parse_injection(fault) for fault in faults])


def test_reviews_are_counted_as_reviews_and_only_what_was_decided_is_a_label(reviewed, rows, tmp_path):
    said = history(rows[:1600])
    test = backtest(reviewed, said)
    decided = [row["action"] for row in said if row["action"] != "-"]
    assert test.replayed.events == {"inference": 1600, "review": 1600}
    assert not +test.replayed.rejections
    (whole,) = (row for row in as_json(test)["segments"] if row["segment"] == "all")
    assert whole["labels"] == len(decided)
    assert whole["baseline"] == pytest.approx(0.2, abs=0.03)
    assert test.fires == []
    assert test.calibration == []  # an accepted answer is not a right one
    page, _ = write_report(test, tmp_path / "out")
    html = page.read_text(encoding="utf-8")
    assert "T2 +10 %" in html
    assert "T3 +" not in html


def test_a_rise_of_overrides_reaches_two_tiers_and_never_the_third(reviewed, rows):
    test = backtest(reviewed, history(rows), "payer=medicaid:drop=40%:from-row=1300")
    (fault,) = test.faults
    assert {delay.tier for delay in fault.delays} == {1, 2}
    assert {fire.segment for fire in test.fires if fire.segment.startswith("payer=")} == {"payer=medicaid"}
    assert test.fires_of(3) == []


def test_a_word_of_no_list_is_set_aside_and_never_quoted(reviewed, rows):
    said = history(rows[:1400])
    said[5]["action"] = "SMITH"
    test = backtest(reviewed, said)
    assert as_json(test)["inputs"]["rejected"] == {"column action holds a word that is in no list of outcome.review": 1}
    assert "SMITH" not in str(as_json(test))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('rejected: ["no"]', 'rejected: ["ok"]', "ok is in two lists"),
        ('edited: ["changed"], rejected: ["no"], ', "", "names no word for an override"),
    ],
)
def test_lists_that_cannot_be_meant_are_refused(reviewed, old, new, message):
    reviewed.change_mapping(old, new)
    with pytest.raises(PolicyErrors, match=message):
        reviewed.documents()


def test_reviews_do_not_pass_for_outcomes(reviewed, rows):
    text = reviewed.policy_file.read_text(encoding="utf-8")
    tiers = "      governance_review"
    text = text.replace("    metric: {name: override_ratio, drop: points}\n", "").replace(tiers, ROLLBACK + tiers)
    reviewed.policy_file.write_text(text, encoding="utf-8")
    with pytest.raises(HistoryError, match=r"outcome\.review holds reviews, and the metric accuracy is made of"):
        backtest(reviewed, history(rows[:1300]))
