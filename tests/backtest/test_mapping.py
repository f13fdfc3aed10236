"""A mistake in a mapping is reported like one in a policy: file, line, key, words."""

from pathlib import Path

import pytest

from otel_clinical.backtest import HistoryError, read_mapping
from otel_clinical.policy import PolicyErrors

ROOT = Path(__file__).parents[2]


def test_the_shipped_mapping_is_good():
    assert read_mapping(ROOT / "examples" / "diabetes130" / "mapping.yaml").model == "readmission"


@pytest.mark.parametrize(
    ("old", "new", "say"),
    [
        ("model: coding", "modell: coding", ['2: modell: unknown key, did you mean "model"?', "1: model: is missing"]),
        ("{column: time, format: unix}", "{format: unix}", ["6: time: names neither or both ways to know the time"]),
        (
            "{column: time, format: unix}",
            "{start: 1999-01-01}",
            ["6: time: names neither or both ways to know the time"],
        ),
        (
            "{column: time, format: unix}",
            "{column: time, start: 1999-01-01, per_day: 2}",
            ["6: time: names neither or both ways to know the time"],
        ),
        ("{column: time, format: unix}", "{start: yesterday, per_day: 2}", ['6: time.start: "yesterday" is no moment']),
        ("{column: time, format: unix}", "{start: 1999-01-01, per_day: 0}", ["6: time.per_day: 0 must be above 0"]),
        (
            "  prediction: {probability: p, threshold: 0.5}\n",
            "",
            ["7: outcome: names neither or both ways to know what was right"],
        ),
        ('negative: ["0"]', 'negative: ["0", "1"]', ["8: outcome.truth: 1 is both positive and negative"]),
        ("threshold: 0.5", "threshold: 50", ["9: outcome.prediction.threshold: 50 may mean 50% or a ratio; write 50%"]),
        ("source: coding_audit", "source: audits", ['10: outcome.source: "audits" is not known']),
        ("{complete: [payer, department]}", "{}", ["11: quality: names neither or both ways to know the quality"]),
        (
            "payer: {column: payer}",
            "payer: {column: payer, missing_as: all}",
            ['13: segments.payer.missing_as: "all" is reserved'],
        ),
        (
            "payer: {column: payer}",
            "payor: {column: payer}",
            ['13: segments.payor: payor is not known, did you mean "payer"?'],
        ),
        ("from_row: 1,", "from_row: 1300,", ["15: baseline: ends at row 1200, before it begins at 1300"]),
        ('version: "7"', "version: 7", ["3: version: 7 is unquoted text that YAML reads as a number"]),
        ('version: "7"\n', "", ["1: names neither or both ways to know the version"]),
    ],
)
def test_a_mistake_is_named_with_its_line(world, old, new, say):
    world.change_mapping(old, new)
    with pytest.raises(PolicyErrors) as caught:
        read_mapping(world.mapping_file)
    found = [str(problem).removeprefix(f"{world.mapping_file}:") for problem in caught.value.problems]
    assert len(found) == len(say)
    for words in say:
        assert any(line.startswith(words) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("model: coding", "model: triage", "model triage is not in the policy; it has coding"),
        (
            "payer: {column: payer}",
            "site: {column: payer}",
            "the policy declares no segment site; declared: department, payer",
        ),
        (
            "  department: {column: department}\n",
            "",
            "no column for segment department, by which the policy standardises",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_the_policy_is_refused(world, old, new, message):
    world.change_mapping(old, new)
    with pytest.raises(HistoryError, match=message):
        world.documents()


def test_a_segment_without_column_is_left_out(world):
    world.change_mapping("  payer: {column: payer}\n", "")
    _, _, model = world.documents()
    assert [segment.value for segment in model.segments] == ["department"]
