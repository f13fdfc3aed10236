"""`otel-clinical backtest` writes a page and a JSON file, and says mistakes in a sentence."""

import json

import pytest

from otel_clinical.cli import main


@pytest.fixture
def run(world, capsys):
    def call(history, *options):
        arguments = ["backtest", str(history), "--mapping", str(world.mapping_file), "--policy", str(world.policy_file)]
        code = 0
        try:
            code = main([*arguments, "--out", str(world.folder / "out"), *options]) or 0
        except SystemExit as stopped:
            code = stopped.code or 0
        return code, *capsys.readouterr()

    return call


def test_a_run_prints_fires_and_delays_and_where_the_files_are(world, rows, run):
    fault = "payer=medicaid:drop=50%:from-row=1300"
    code, out, err = run(world.csv(rows), "--inject", fault)
    assert code == 0
    assert "tier 3  payer=medicaid" in out
    assert "tier 3 for other values of payer: none" in out
    assert "replaying" in err
    assert (world.folder / "out" / "report.html").is_file()
    assert json.loads((world.folder / "out" / "backtest.json").read_text(encoding="utf-8"))["fires"]


def test_quiet_shows_no_progress(world, rows, run):
    world.change_mapping("to_row: 1200", "to_row: 300")
    code, out, err = run(world.csv(rows[:300]), "--quiet")
    assert (code, err) == (0, "")
    assert "no tier 3" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--inject", "payer=medicad:drop=20%"], '--inject: payer=medicad is not declared, did you mean "medicaid"?'),
        (["--inject", "payer"], '--inject: "payer" names no segment value'),
        (["--baseline", "none.json"], "none.json: no such file or directory"),
    ],
)
def test_a_mistake_in_the_call_is_one_sentence(world, rows, run, options, message):
    code, _, err = run(world.csv(rows[:50]), *options)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_mistakes_of_policy_and_mapping_come_together(world, rows, run):
    world.change_mapping("threshold: 0.5", "threshold: 50")
    world.policy_file.write_text(
        world.policy_file.read_text(encoding="utf-8").replace("slot: 6h", "slot: 6"), encoding="utf-8"
    )
    code, _, err = run(world.csv(rows[:50]))
    assert code == 2
    assert "drift.slot: 6 has no unit" in err
    assert "outcome.prediction.threshold: 50 may mean" in err
