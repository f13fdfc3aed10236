"""What rests on confidences, without labels, reaches tier 1 and no more: not governance, and never the controller."""

from __future__ import annotations

from otel_clinical.generate import rules
from otel_clinical.rollback import read_terms
from otel_clinical.rollback.alerts import alert_from_labels
from otel_clinical.semconv import attributes, metrics, prometheus_label

OF_CONFIDENCE = ("clinical_ai_estimate_", "clinical_ai_calibration_")
PLACE = {
    prometheus_label(attributes.MODEL_NAME): "coding",
    prometheus_label(attributes.MODEL_VERSION): "7",
    prometheus_label(attributes.SEGMENT_NAME): "all",
    prometheus_label(attributes.SEGMENT_VALUE): "all",
}


def test_alerts_on_estimates_and_calibration_are_tier_1_and_nothing_that_the_controller_takes(policy) -> None:
    terms = read_terms(policy)
    heard = {}
    for alert in rules.alerts(policy):
        labels = {**PLACE, **alert.labels, "alertname": alert.name}
        heard[alert.name] = alert_from_labels(labels, starts_at=1.8e9, terms=terms)
        if any(prefix in alert.expr for prefix in OF_CONFIDENCE):
            assert alert.labels["tier"] == "engineering", alert.name
            assert alert.labels["category"] != "performance", alert.name
            assert heard[alert.name] is None, alert.name
    assert {name for name in heard if "Estimated" in name or "Calibration" in name} == {
        "ClinicalAIEstimatedPerformanceLow",
        "ClinicalAICalibrationOff",
    }
    assert heard["ClinicalAIPerformanceDropRollback"] is not None  # the control: this one is taken


def test_no_tier_alert_reads_a_figure_without_labels(policy) -> None:
    tiers = [alert for alert in rules.alerts(policy) if alert.labels["category"] == "performance"]
    assert tiers
    for alert in tiers:
        assert not any(prefix in alert.expr for prefix in OF_CONFIDENCE), alert.name
        assert metrics.DRIFT_STATUS.prometheus not in alert.expr, alert.name
