"""`otel-clinical check` prints each problem on a line and exits with 1."""

import json
from pathlib import Path

import pytest

click_testing = pytest.importorskip("click.testing")

from otel_clinical.cli import baseline, check  # noqa: E402  -- needs click

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples" / "policy.yaml")


def run(command, *arguments):
    return click_testing.CliRunner().invoke(command, arguments)


def test_a_good_policy_exits_with_0():
    result = run(check.command, EXAMPLE)
    assert result.exit_code == 0
    assert "ok; models: coding; sha256:" in result.stdout


def test_problems_are_lines_and_the_exit_code_is_1(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(Path(EXAMPLE).read_text(encoding="utf-8").replace("slot: 30s", "slot: 30"), encoding="utf-8")
    result = run(check.command, str(bad), "--no-baselines")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{bad}:11: drift.slot: 30 has no unit; allowed: ")
    assert result.stderr == f"{bad}: 1 problem\n"


def test_a_severer_tier_that_needs_fewer_labels_is_a_warning(tmp_path):
    policy = tmp_path / "policy.yaml"
    text = Path(EXAMPLE).read_text(encoding="utf-8")
    assert "guard: 1%, minimum_labels: 100" in text
    policy.write_text(text.replace("guard: 1%, minimum_labels: 100", "guard: 1%, minimum_labels: 200"), "utf-8")
    warning = (
        "models.coding.tiers.engineering_review.minimum_labels: engineering_review waits for 200 labels and "
        "governance_review for 100, so governance_review can be reached first"
    )
    result = run(check.command, str(policy), "--no-baselines")
    assert (result.exit_code, result.stderr) == (0, f"{policy}: warning: {warning}\n")
    assert json.loads(run(check.command, "--json", str(policy), "--no-baselines").stdout)["warnings"] == [warning]


def test_the_example_gives_no_warning():
    assert run(check.command, EXAMPLE).stderr == ""


def test_json_holds_every_field(tmp_path):
    result = run(check.command, "--json", str(tmp_path / "none.yaml"))
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["ok"] is False
    assert document["hash"] is None
    assert document["problems"][0]["problem"] == "no such file or directory"


def test_several_policies_are_checked_in_one_go(tmp_path):
    result = run(check.command, "--json", EXAMPLE, str(tmp_path / "none.yaml"))
    assert [document["ok"] for document in json.loads(result.stdout)] == [True, False]


def test_baseline_show_prints_a_table():
    result = run(baseline.command, "show", str(ROOT / "examples" / "baseline.json"))
    assert result.exit_code == 0
    assert "payer=medicaid" in result.stdout


def test_baseline_show_names_a_missing_file(tmp_path):
    result = run(baseline.command, "show", str(tmp_path / "none.json"))
    assert result.exit_code == 1
    assert "no such file or directory" in result.stderr
