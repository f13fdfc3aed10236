"""A history is judged by the metric of the policy: by class, better when lower, in its own values."""

import pytest

from otel_clinical.backtest import HistoryError, as_json, choose_baseline, parse_injection, read_history, run_backtest
from otel_clinical.backtest._report import write_report

LABELS = "    labels: {maturity"


def judged(world, path, metric, *faults):
    text = world.policy_file.read_text(encoding="utf-8")
    world.policy_file.write_text(text.replace(LABELS, f"    metric: {{{metric}}}\n{LABELS}"), encoding="utf-8")
    mapping, policy, model = world.documents()
    history = read_history(path, mapping, model)
    used = choose_baseline(history, mapping, model, model.baseline.file, required=False)
    return run_backtest(history, mapping, policy, used, injections=[parse_injection(fault) for fault in faults])


@pytest.mark.parametrize(
    "metric", ["name: error_rate, better: lower", "name: sensitivity", "name: accuracy, drop: skill, chance: 50%"]
)
def test_a_fault_is_found_and_none_is_made_up(world, rows, metric):
    path, policy = world.csv(rows), world.policy_file.read_text(encoding="utf-8")
    assert judged(world, path, metric).fires_of(3) == []
    world.policy_file.write_text(policy, encoding="utf-8")
    test = judged(world, path, metric, "all:drop=45%:from-row=1300")
    assert "all" in {fire.segment for fire in test.fires_of(3)}
    (fault,) = test.faults
    assert {delay.tier for delay in fault.delays} == {1, 2, 3}


def test_a_metric_that_is_better_when_lower_is_written_in_its_own_values(world, rows, tmp_path):
    test = judged(world, world.csv(rows), "name: error_rate, better: lower", "all:drop=45%:from-row=1300")
    (whole,) = (row for row in as_json(test)["segments"] if row["segment"] == "all")
    assert whole["baseline"] == pytest.approx(0.115, abs=0.02)
    assert whole["performance"] > 0.4
    assert whole["drop"] > 1.0
    fire = next(fire for fire in test.fires_of(3) if fire.segment == "all")
    assert "error_rate is" in fire.reason
    assert "above the baseline of 0.1" in fire.reason
    page, _ = write_report(test, tmp_path / "out")
    assert "T3 +15 %" in page.read_text(encoding="utf-8")


def test_only_outcomes_of_the_metrics_classes_count(world, rows):
    path = world.csv(rows)
    test = judged(world, path, "name: sensitivity")
    positive = sum(row["truth"] == "1" for row in rows)
    (whole,) = (row for row in as_json(test)["segments"] if row["segment"] == "all")
    assert whole["labels"] == positive
    assert len(test.timeline.effective["all"]) == positive
    assert test.replayed.events["outcome"] == len(rows)


def test_an_error_of_its_own_column_is_1_minus_the_score(world):
    world.change_mapping('truth: {column: truth, positive: ["1"], negative: ["0"]}', "error: edits")
    world.change_mapping("  prediction: {probability: p, threshold: 0.5}\n", "")
    path = world.text("encounter,time,edits,payer,department\ne1,1700000000,0.25,medicaid,surgery\n")
    mapping, _, model = world.documents()
    assert read_history(path, mapping, model).encounters[0].score == 0.75


def test_the_first_outcome_of_an_encounter_counts_in_baseline_and_replay(world, rows):
    world.change_mapping("id: encounter", "id: encounter\nencounter: stay")
    world.change_mapping("to_row: 1200", "to_row: 600")
    stays = [{**row, "stay": f"S{number // 3}" if number % 6 else ""} for number, row in enumerate(rows[:1200])]
    test = judged(world, world.csv(stays, columns=(*stays[0],)), "name: accuracy")
    alone = sum(not row["stay"] for row in stays)
    counted = alone + len({row["stay"] for row in stays if row["stay"]})
    assert as_json(test)["inputs"]["repeated_encounters"] == len(stays) - counted
    (whole,) = (row for row in as_json(test)["segments"] if row["segment"] == "all")
    assert whole["labels"] == counted
    assert test.used.baseline.n() == pytest.approx(counted / 2, abs=1)


@pytest.mark.parametrize(
    ("metric", "words"),
    [("name: ppv", "counts classes: the mapping needs outcome.truth"), ("name: override_ratio", "is made of reviews")],
)
def test_a_history_that_cannot_say_what_the_metric_counts_is_refused(world, metric, words):
    world.change_mapping('truth: {column: truth, positive: ["1"], negative: ["0"]}', "score: edits")
    world.change_mapping("  prediction: {probability: p, threshold: 0.5}\n", "")
    path = world.text("encounter,time,edits,payer,department\ne1,1700000000,0.25,medicaid,surgery\n")
    if "override" in metric:
        text = world.policy_file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in text if not line.startswith("      rollback: {drop")]
        world.policy_file.write_text("".join(kept), encoding="utf-8")
    with pytest.raises(HistoryError, match=words):
        judged(world, path, metric)
