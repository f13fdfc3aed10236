"""promtool accepts every rule, and every alert fires, stays quiet, and does as it should without data."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from otel_clinical.generate import alertmanager, promtool_tests, rules

ROOT = Path(__file__).parents[2]
EXPECTATIONS = Path(__file__).parent / "expectations"
SUITES = ("tiers", "quality", "blind", "rollback", "machine", "plumbing", "silence-coding")
ALWAYS = {"ClinicalAIWatchdog"}
GIVEN = "another version serves, and a rule gives the segment this one"
SERVED = {
    "another version serves",
    "no version says that it is active",
    "a rule gives this version to another segment",
}


@pytest.fixture(scope="module")
def generated(policy):
    return promtool_tests.render(policy)


def names_of(suite):
    return [test["name"] for test in yaml.safe_load(suite)["tests"]]


def test_promtool_accepts_the_rules_without_a_remark(policy, hurried, promtool, written):
    for files in (rules.render(policy), rules.render(hurried, evaluation_interval=1.0)):
        code, output = promtool("check", "rules", "--lint=all", "--lint-fatal", *written(files))
        assert code == 0, output


def test_the_names_of_the_suites_are_known_here(generated):
    assert {Path(path).stem for path in generated} == set(SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_generated_tests_pass(policy, generated, promtool, written, suite):
    path = f"alert_rules/tests/{suite}.yaml"
    *_, test = written(rules.render(policy), {path: generated[path]})
    code, output = promtool("test", "rules", test)
    assert code == 0, output


@pytest.mark.parametrize("suite", ["tiers", "quality", "silence-triage"])
def test_tests_of_a_second_model_pass_with_windows_of_seconds(hurried, promtool, written, suite):
    """The demonstration's rhythm, everything looked at each second; this model is judged in points, unstandardised."""
    path = f"alert_rules/tests/{suite}.yaml"
    content = yaml.safe_load(promtool_tests.render(hurried, evaluation_interval=1.0)[path])
    content["tests"] = [test for test in content["tests"] if "triage" in test["promql_expr_test"][0]["expr"]]
    assert content["tests"]
    *_, test = written(rules.render(hurried, evaluation_interval=1.0), {path: yaml.safe_dump(content)})
    code, output = promtool("test", "rules", test)
    assert code == 0, output


def test_every_alert_is_tested_firing_quiet_and_without_data(policy, generated):
    seen = Counter()
    for text in generated.values():
        for name in names_of(text):
            alert, situation = name.split(": ", 1)
            seen[alert, situation.split(":")[0].split(" ")[0]] += 1
    for alert in rules.alerts(policy):
        assert seen[alert.name, "fires"] >= 1, alert.name
        assert seen[alert.name, "without"] == 1, alert.name
        assert seen[alert.name, "quiet"] >= 1 or alert.name in ALWAYS, alert.name


@pytest.fixture
def failing(policy, promtool, written):
    """Return a function that names the tests of a suite which fail after a change to the text of the rules."""

    def run(suite, change, about):
        return _failing(policy, (promtool, written), suite, change, about)

    return run


def _failing(policy, tools, suite, change, about):
    promtool, written = tools
    files = {path: change(text) for path, text in rules.render(policy).items()}
    content = yaml.safe_load(promtool_tests.render(policy)[f"alert_rules/tests/{suite}.yaml"])
    tests = [test for test in content["tests"] if about in test["name"]]
    # promtool does not say which test failed, so each gets a file.
    single = {
        f"alert_rules/tests/{number}.yaml": yaml.safe_dump({**content, "tests": [test]})
        for number, test in enumerate(tests)
    }
    _, output = promtool("test", "rules", *written(files, single)[len(files) :])
    run = re.findall(r"Unit Testing:\s+\S+/(\d+)\.yaml", output)
    passed = set(re.findall(r"Unit Testing:\s+\S+/(\d+)\.yaml\s+SUCCESS", output))
    assert len(run) == len(tests), output
    return {tests[int(number)]["name"].split(": ", 1)[1] for number in run if number not in passed}


def test_no_test_fails_while_the_rules_are_whole(failing):
    """The other half of the negative controls below: what fails there fails because of the change."""
    assert failing("tiers", str, "ClinicalAIPerformanceDropRollback:") == set()


@pytest.mark.parametrize(
    ("condition", "weaker", "situations"),
    [
        (r">= 0\.15\n", ">= 0\n", {"the drop is smaller"}),
        (r">= 1\n", ">= 0\n", {"the evidence is no proof yet"}),
        (r">= 100\n", ">= 0\n", {"there are too few labels"}),
        (r'!="_OTHER"', '!="never"', {"nobody declared the segment value"}),
        (r"(?s)\n {6}and on \(.*?\n {6}\)", "", {*SERVED, f"fires: {GIVEN}"}),
        (r"(?s)\n {8}or\n.*?\n {6}\)", "\n      )", {f"fires: {GIVEN}"}),
    ],
)
def test_without_one_condition_of_tier_3_its_test_fails(failing, condition, weaker, situations):
    alert = "ClinicalAIPerformanceDropRollback"

    def changed(text):
        rule = re.search(rf"  - alert: {alert}\n.*?\n    labels:", text, re.DOTALL)
        if rule is None:
            return text
        altered = re.sub(condition, weaker, rule[0])
        assert altered != rule[0]
        return text.replace(rule[0], altered)

    assert failing("tiers", changed, f"{alert}:") == {
        situation if situation.startswith("fires: ") else f"quiet: {situation}" for situation in situations
    }


@pytest.mark.parametrize("suite", ["tiers", "quality"])
def test_alerts_that_can_never_fire_are_noticed(policy, failing, suite):
    """A label that is renamed under the rules makes every test fail that expects a fire."""
    found = failing(suite, lambda text: re.sub("clinical_ai_(model_name|assistance)=", "renamed=", text), ": fires")
    names = names_of(promtool_tests.render(policy)[f"alert_rules/tests/{suite}.yaml"])
    assert found == {name.split(": ", 1)[1] for name in names if ": fires" in name}


@pytest.mark.parametrize("page", sorted(path.name for path in EXPECTATIONS.glob("*.yaml")))
def test_alerts_read_as_written_by_hand(policy, promtool, written, page):
    """The expectations in `expectations/` were written by hand: labels and every word of the annotations."""
    files = written(rules.render(policy), {f"alert_rules/tests/{page}": (EXPECTATIONS / page).read_text()})
    code, output = promtool("test", "rules", files[-1])
    assert code == 0, output


def test_committed_tests_are_those_of_the_reference_policy(policy, generated):
    for path, content in {**generated, **alertmanager.render(policy)}.items():
        assert (ROOT / path).read_text() == content, f"{path}: run otel-clinical generate rules"
    committed = {str(path.relative_to(ROOT)) for path in (ROOT / "alert_rules" / "tests").iterdir()}
    assert committed == set(generated)
