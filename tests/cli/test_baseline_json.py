"""`baseline show --json` says as little of a small cell as everything else."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from otel_clinical.cli import baseline
from otel_clinical.policy import Baseline, Cell, FeatureReference, HourBlock, LabelReference

CELLS = {
    ("all", "all", "surgery"): Cell(500, 450.0),
    ("all", "all", "medicine"): Cell(300, 290.0),
    ("payer", "medicaid", "surgery"): Cell(10, 7.0),
    ("payer", "medicaid", "medicine"): Cell(40, 30.0),
    ("payer", "medicaid", "emergency"): Cell(90, 80.0),
    ("payer", "medicare", "surgery"): Cell(11, 9.0),
}
REFERENCE = {"confidence": {"edges": [0.0, 0.5, 1.0], "counts": [10.0, 790.0], "sums": [5.0, 700.0]}}


@pytest.fixture
def shown(tmp_path):
    path = tmp_path / "baseline.json"
    Baseline("coding", None, "accuracy", CELLS, reference=REFERENCE).save(path)
    done = CliRunner().invoke(baseline.command, ["show", str(path), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_small_cells_are_null_and_so_is_the_cell_that_would_give_one_away(shown):
    found = {(cell["segment"], cell["value"], cell["stratum"]): (cell["n"], cell["sum"]) for cell in shown["cells"]}
    assert found["payer", "medicaid", "surgery"] == (None, None)
    assert found["payer", "medicaid", "medicine"] == (None, None)
    assert found["payer", "medicaid", "emergency"] == (90, 80.0)
    assert found["payer", "medicare", "surgery"] == (11, 9.0)
    assert found["all", "all", "surgery"] == (500, 450.0)


def test_bins_of_few_outcomes_are_null(shown):
    assert shown["reference"]["confidence"] == {
        "edges": [0.0, 0.5, 1.0],
        "counts": [None, 790.0],
        "sums": [None, 700.0],
    }


def test_delays_of_few_outcomes_are_null(tmp_path):
    path = tmp_path / "baseline.json"
    for counts, per_day, expected in (
        ((10, 40, 60), 11.0, [None, None, 60]),
        ((3, 2, 60), 6.5, [None, None, 60]),
        ((0, 40, 60), 10.0, [0, 40, 60]),
        ((0, 0, 10), None, [0, 0, None]),
    ):
        labels = LabelReference(per_day or 1.0, (0, 60, 3600), counts)
        Baseline("coding", None, "accuracy", CELLS, labels=labels).save(path)
        found = json.loads(CliRunner().invoke(baseline.command, ["show", str(path), "--json"]).stdout)["labels"]
        assert (found["counts"], found["per_day"]) == (expected, per_day)
        text = CliRunner().invoke(baseline.command, ["show", str(path)]).stdout
        assert ("too few to show when they came" in text) is (per_day is None)


def test_bins_of_features_with_few_inferences_are_null(tmp_path):
    path, key = tmp_path / "baseline.json", ("all", "all")
    age = FeatureReference("digest", {key: (3, 40, 60, 0, 0)}, {key: (HourBlock((7,), (200, 40, 9, 4, 0)),)})
    Baseline("coding", None, "accuracy", CELLS, features={"age": age}).save(path)
    found = json.loads(CliRunner().invoke(baseline.command, ["show", str(path), "--json"]).stdout)["features"]["age"]
    assert found["cells"][0]["counts"] == [None, None, 60, 0, 0]
    assert found["hours"][0]["counts"] == [200, 40, None, None, 0]
