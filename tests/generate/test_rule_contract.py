"""Every rule keeps the contract: labels, annotations, real metrics and runbooks, nothing that breaks the floor."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from otel_clinical.generate import rules
from otel_clinical.generate._rules_model import Alert
from otel_clinical.generate._rules_text import ONCALL_UID
from otel_clinical.semconv import attributes, prometheus_label
from otel_clinical.semconv.enums import EscalationLevel

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SEVERITIES = {"critical", "warning", "info"}
CATEGORIES = {"performance", "quality", "override", "drift", "safety", "telemetry", "rollback"}
TIERS = {"engineering", "governance", "rollback"}
ANNOTATIONS = {"summary", "description", "action", "runbook_url", "dashboard_url"}
SECTIONS = [
    "What it means",
    "Check first",
    "What the machine did",
    "What to do",
    "Who to call",
    "How to verify",
]
PLACE = {prometheus_label(key) for key in (attributes.MODEL_NAME, attributes.SEGMENT_NAME, attributes.SEGMENT_VALUE)}


def every_rule(policy):
    return [rule for groups in rules.build(policy).values() for group in groups for rule in group.rules]


@pytest.fixture(scope="module")
def alerts(policy):
    return rules.alerts(policy)


def test_every_alert_says_how_bad_of_what_kind_and_for_whom(alerts):
    for alert in alerts:
        assert alert.name.startswith("ClinicalAI"), alert.name
        assert alert.labels["severity"] in SEVERITIES, alert.name
        assert alert.labels["category"] in CATEGORIES, alert.name
        assert alert.labels["team"], alert.name
        assert alert.labels.get("tier", "engineering") in TIERS, alert.name


def test_every_alert_tells_what_to_do_and_where_to_look(alerts):
    for alert in alerts:
        assert set(alert.annotations) == ANNOTATIONS, alert.name
        assert all(text.strip() for text in alert.annotations.values()), alert.name
        assert f"/{ONCALL_UID}" in alert.annotations["dashboard_url"], alert.name


def test_every_alert_has_a_runbook_that_answers_the_six_questions(alerts):
    for alert in alerts:
        name = alert.annotations["runbook_url"].rsplit("/", 1)[1]
        page = (RUNBOOKS / name).read_text()
        assert page.startswith(f"# {alert.name}\n"), name
        assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS, name


def test_every_runbook_belongs_to_an_alert(alerts):
    assert {path.stem for path in RUNBOOKS.iterdir()} == {alert.name for alert in alerts}


def test_the_page_of_alerts_lists_every_alert_with_its_labels(alerts):
    rows = dict(
        re.findall(
            r"^\| \[(\w+)\]\(runbooks/\w+\.md\) \| (.+) \|$", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE
        )
    )
    assert set(rows) == {alert.name for alert in alerts}
    for alert in alerts:
        severity, tier = (cell.strip() for cell in rows[alert.name].split("|")[:2])
        assert (severity, tier) == (alert.labels["severity"], alert.labels.get("tier", "none")), alert.name


def test_the_first_minute_has_a_row_for_every_alert_that_wakes_somebody_and_for_no_other(alerts):
    page = (ROOT / "docs/on-call.md").read_text()
    named = re.findall(r"\[(\w+)\]\(runbooks/(\w+)\.md\)", page)
    assert all(target == f"ClinicalAI{name}" for name, target in named)
    assert sorted(target for _, target in named) == sorted(
        alert.name for alert in alerts if alert.labels["severity"] == "critical"
    )


def test_every_expression_uses_only_metrics_and_labels_that_exist(policy, labels_of):
    for rule in every_rule(policy):
        labels_of(rule.expr)


def test_the_check_of_labels_refuses_what_does_not_exist(labels_of):
    for wrong in (
        "clinical_ai_no_such_metric",
        'clinical_ai_outcomes_total{clinical_ai_payer="x"}',
        "sum without (job) (clinical_ai_outcomes_total)",
        "sum by (clinical_ai_segment_name) (clinical_ai_outcomes_total)",
        "clinical_ai_label_time_seconds and on (clinical_ai_model_version) clinical_ai_evidence",
    ):
        with pytest.raises(AssertionError):
            labels_of(wrong)


def test_templates_read_only_labels_that_the_alert_has(alerts, labels_of):
    for alert in alerts:
        has = labels_of(alert.expr) | set(alert.labels)
        for name, text in alert.annotations.items():
            read = set(re.findall(r"\$labels\.(\w+)", text))
            assert read <= has, f"{alert.name}: {name} reads {sorted(read - has)}"


def test_tier_alerts_carry_the_labels_that_inhibition_compares(alerts, labels_of):
    for alert in alerts:
        if alert.labels["category"] == "performance":
            assert labels_of(alert.expr) >= PLACE, alert.name


def test_alerts_that_hold_a_source_name_it_completely(alerts, labels_of):
    holding = [alert for alert in alerts if alert.labels.get("action") == "hold"]
    assert holding
    for alert in holding:
        assert labels_of(alert.expr) >= PLACE, alert.name


def test_counters_never_reach_the_machine(alerts):
    for alert in alerts:
        if alert.labels.get("source") == "counters":
            assert alert.labels["tier"] != "rollback"
            assert "action" not in alert.labels


def test_only_proof_rolls_back(alerts):
    names = {alert.name for alert in alerts if alert.labels.get("tier") == "rollback"}
    assert names == {"ClinicalAIPerformanceDropRollback"}


def test_safety_events_wait_for_nothing(alerts):
    pending = {alert.name: alert.pending for alert in alerts if alert.labels["category"] == "safety"}
    assert pending == {"ClinicalAISafetyEvent": 0, "ClinicalAISafetyEventsFrequent": 0}


def test_rules_avoid_what_the_floor_or_the_transport_breaks(policy):
    for text in rules.render(policy).values():
        assert not re.search(r"\b(job|instance|otel_scope_\w+)\b\s*(=|,|\))", text)
        assert "without (" not in text
        # Prometheus 3 writes le="1.0" where 2 wrote le="1".
        assert not re.search(r'\ble=~?"\d+"', text)
        for group in yaml.safe_load(text)["groups"]:
            assert set(group) == {"name", "rules"}


def test_groups_have_names_of_their_own(policy, hurried):
    for chosen in (policy, hurried):
        names = [group.name for groups in rules.build(chosen).values() for group in groups]
        assert len(names) == len(set(names))


def test_no_rate_looks_back_less_than_four_scrapes(hurried):
    for interval in (1.0, 15.0):
        windows = [
            int(value) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
            for text in rules.render(hurried, evaluation_interval=interval).values()
            for value, unit in re.findall(r"\[(\d+)(ms|s|m|h|d)\]", text)
        ]
        assert windows
        assert min(windows) >= 4 * interval


def test_thresholds_are_those_of_the_policy(policy):
    tiers = policy.models["coding"].tiers
    for alert in rules.alerts(policy):
        if alert.name.endswith("Rollback") and alert.labels["category"] == "performance":
            assert f">= {tiers[EscalationLevel.ROLLBACK].drop:g}\n" in alert.expr
            assert f">= {tiers[EscalationLevel.ROLLBACK].minimum_labels}\n" in alert.expr


def test_tiers_come_in_the_order_of_their_weight(alerts):
    drops = [
        float(re.search(r">= (0\.\d+)", alert.expr)[1])
        for alert in alerts
        if alert.name.startswith("ClinicalAIPerformanceDrop") and "source" not in alert.labels
    ]
    assert len(drops) == 3
    assert all(lower < higher for lower, higher in pairwise(drops))


def test_the_machine_says_what_it_will_do_in_the_mode_of_the_policy(policy):
    def action(mode):
        model = policy.models["coding"]
        rollback = model.rollback.model_copy(update={"mode": mode})
        changed = policy.model_copy(update={"models": {"coding": model.model_copy(update={"rollback": rollback})}})
        (alert,) = [a for a in rules.alerts(changed) if a.labels.get("tier") == "rollback"]
        return alert.annotations["action"]

    assert "You decide now" in action("observe")
    assert "Approve or refuse" in action("recommend")
    assert "Check that it did" in action("enforce")


def test_rendering_twice_gives_the_same_text(policy):
    assert rules.render(policy) == rules.render(policy)


def test_committed_files_are_those_of_the_reference_policy(policy):
    for path, content in rules.render(policy).items():
        assert (ROOT / path).read_text() == content, f"{path}: run otel-clinical generate rules"


def test_alerts_are_rules_and_nothing_else(policy):
    assert all(isinstance(rule, Alert) for rule in rules.alerts(policy))
