"""`otel-clinical check` prints each problem on a line and exits with 1."""

import json
import re
from pathlib import Path

import pytest

click_testing = pytest.importorskip("click.testing")

from otel_clinical.cli import baseline, check  # noqa: E402  -- needs click
from otel_clinical.policy import TIERS, load_baseline, load_policy, thin_segments  # noqa: E402

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


def test_a_segment_that_waits_too_long_for_the_labels_of_its_last_tier_is_a_warning(tmp_path):
    policy = tmp_path / "policy.yaml"
    text = Path(EXAMPLE).read_text(encoding="utf-8")
    assert "per_day: " in text
    few = re.sub(r"per_day: \d+ *(?=#|\n|,)", "per_day: 20 ", text, count=1)
    policy.write_text(few, encoding="utf-8")
    (tmp_path / "baseline.json").write_bytes((ROOT / "examples" / "baseline.json").read_bytes())
    result = run(check.command, str(policy), "--weeks", "8")
    assert result.exit_code == 0, result.stdout
    assert re.search(
        r"warning: models\.coding\.segments\.\w+: at 20 labels a day, .* longer than 8 weeks", result.stderr
    )
    assert run(check.command, str(policy), "--weeks", "100000").stderr == ""
    assert run(check.command, str(policy), "--no-baselines", "--weeks", "8").stderr == ""


def test_the_wait_is_the_minimum_of_the_tier_over_the_rate_of_the_segment():
    policy = load_policy(EXAMPLE)
    model, frozen = policy.models["coding"], load_baseline(ROOT / "examples" / "baseline.json")
    segment, values = next(iter(model.segments.items()))
    rarest = min(values, key=lambda value: frozen.n(segment.value, value))
    rate = model.labels.per_day * frozen.n(segment.value, rarest) / frozen.n()
    weeks = model.tiers[TIERS[-1]].minimum_labels / rate / 7
    assert not any(f".{segment.value}:" in said for said in thin_segments(policy, weeks=weeks * 1.01))
    assert any(rarest in said for said in thin_segments(policy, weeks=weeks * 0.99))


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
