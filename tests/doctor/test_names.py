"""Names and labels as Prometheus has them are held against the registry, and each kind of drift is named."""

from __future__ import annotations

import pytest

from otel_clinical.doctor import Level
from otel_clinical.doctor._names import family_of, judge_labels, judge_names
from otel_clinical.semconv import metrics
from otel_clinical.semconv._prometheus import prometheus_label

EXACT = {
    f"{metric.prometheus}{suffix}"
    for metric in metrics.ALL
    for suffix in (("_bucket", "_count", "_sum") if metric.instrument == "histogram" else ("",))
}


def wrong(names):
    return [finding.said for finding in judge_names(set(names)) if finding.level is Level.PROBLEM]


def test_every_name_of_the_registry_is_known():
    assert wrong(EXACT) == []
    assert all(family_of(name) for name in EXACT)


def test_recording_rules_and_other_programs_are_left_alone():
    assert wrong([*EXACT, "clinical_ai:overrides:ratio_1h", "up", "http_requests_total"]) == []


def test_nothing_at_all_is_a_finding():
    (finding,) = judge_names({"up"})
    assert finding.said == "Prometheus knows no series of clinical AI"
    assert "cumulative" in finding.advice


def test_series_that_ended_are_a_finding():
    (finding,) = judge_names({"up"}, EXACT)
    assert finding.said == "the series of clinical AI have had no sample for 5 minutes"
    assert judge_names(EXACT, EXACT)[0].level is Level.OK


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clinical_ai.outcomes", "names keep their dots"),
        ("clinical_ai_outcomes", "suffixes are missing"),
        ("clinical_ai_inference_duration_bucket", "suffixes are missing"),
        ("clinical_ai_outcome_delay_sum", "suffixes are missing"),
        ("clinical_ai_label_coverage_ratio_ratio", "a suffix too many"),
        ("clinical_ai_outcomes_total_total", "a suffix too many"),
        ("hospital_clinical_ai_outcomes_total", "a prefix too many"),
        ("clinical_ai_horoscope_total", "not in this version's registry"),
        ("clinical_ai_outcomes_total_bucket", "not in this version's registry"),
    ],
)
def test_a_name_that_drifted_says_how(name, said):
    assert wrong([*EXACT, name]) == [f"{name}: {said}"]


def test_many_names_that_drifted_alike_are_one_finding():
    names = [metric.name for metric in metrics.ALL]
    (said,) = wrong(names)
    assert said.endswith(f" and {len(names) - 3} more: names keep their dots")


def labels_of(metric):
    return {prometheus_label(key) for key in metric.attributes} | {"__name__", "job", "instance", "le"}


def test_the_labels_of_the_registry_are_known():
    (finding,) = judge_labels({metric.prometheus: labels_of(metric) for metric in metrics.ALL})
    assert finding.level is Level.OK


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("clinical_ai_patient", "clinical_ai_patient on clinical_ai_outcomes_total is not in the registry"),
        ("clinical_ai.model.name", "clinical_ai.model.name on clinical_ai_outcomes_total is not in the registry"),
        ("clinical_ai_review_action", "clinical_ai_review_action on clinical_ai_outcomes_total is not in the registry"),
        ("exported_job", "Prometheus renames job or instance (exported_job)"),
        ("otel_scope_version", "series carry otel_scope_version"),
    ],
)
def test_a_label_that_is_none_of_the_familys_is_named(label, said):
    found = judge_labels({metrics.OUTCOMES.prometheus: labels_of(metrics.OUTCOMES) | {label}})
    assert [finding.said for finding in found if finding.level is not Level.OK] == [said]
