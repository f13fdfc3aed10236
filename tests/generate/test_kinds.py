"""The rules of every kind of drop and of metric are sound, and each of their alerts fires and stays quiet."""

from __future__ import annotations

import json

import pytest
import yaml

from otel_clinical.generate import promtool_tests, rules
from otel_clinical.policy import load_policy

KINDS = (
    "name: accuracy, drop: skill, chance: 20%",
    "name: accuracy, drop: error_ratio",
    "name: error_rate, drop: relative, better: lower",
    "name: error_rate, drop: skill, better: lower, chance: 80%",
    "name: sensitivity, drop: relative",
    "name: override_ratio, drop: points",
)


@pytest.fixture(params=KINDS)
def kind(request, hurried, tmp_path):
    """Return the second model of the hurried policy, judged another way."""
    data = yaml.safe_load(hurried.path.read_text())
    triage = data["models"]["triage"]
    triage["metric"] = yaml.safe_load(f"{{{request.param}}}")
    if triage["metric"]["name"] == "override_ratio":
        del triage["tiers"]["rollback"]
    data["models"] = {"triage": triage}
    baseline = json.loads((hurried.path.parent / "triage-baseline.json").read_text())
    baseline["metric"] = triage["metric"]["name"]
    (tmp_path / "triage-baseline.json").write_text(json.dumps(baseline))
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(data))
    return load_policy(tmp_path / "policy.yaml")


def test_rules_of_every_kind_pass_their_own_tests(kind, promtool, written):
    files = rules.render(kind, evaluation_interval=1.0)
    cases = promtool_tests.render(kind, evaluation_interval=1.0)
    for suite in ("tiers", "quality"):
        path = f"alert_rules/tests/{suite}.yaml"
        content = yaml.safe_load(cases[path])
        content["tests"] = [test for test in content["tests"] if "Performance" in test["name"]]
        *_, test = written(files, {path: yaml.safe_dump(content)})
        code, output = promtool("test", "rules", test)
        assert code == 0, output
    tested = {test["name"].split(": ")[0] for text in cases.values() for test in yaml.safe_load(text)["tests"]}
    assert {alert.name for alert in rules.alerts(kind, 1.0)} <= tested


def test_no_alert_of_overrides_or_classes_compares_what_counters_cannot_know(kind):
    names = {alert.name for alert in rules.alerts(kind, 1.0)}
    metric = kind.models["triage"].metric
    guessed = {"ClinicalAIPerformanceDropEngineeringFromCounters", "ClinicalAIEstimatedPerformanceLow"}
    assert guessed <= names if metric.of_every_score else not guessed & names
    assert ("ClinicalAIPerformanceDropRollback" in names) == (not metric.of_reviews)
