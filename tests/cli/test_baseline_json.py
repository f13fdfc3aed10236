"""`baseline show --json` says as little of a small cell as everything else."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from otel_clinical.cli import baseline
from otel_clinical.policy import Baseline, Cell

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
