"""What is read from Prometheus for the guards, by the names that the processor and the services export."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import Segment
from otel_clinical.rollback._evidence_guards import counterfactual
from otel_clinical.rollback.confirm import LEVEL, MODEL, REASON, SEGMENT_NAME, SEGMENT_VALUE, STATE, VERSION, look
from otel_clinical.rollback.prometheus import Prometheus
from otel_clinical.rollback.state import Comparison, Fellow, Incident, Key, Sample, Stratum
from otel_clinical.semconv import metrics
from tests.rollback._prometheus import degraded, low_input
from tests.rollback._situations import ALL, NOW, SOURCE, alert, hold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_clinical.rollback import Terms
    from tests.rollback._prometheus import FakePrometheus

INCIDENT = Incident(
    Key("coding", alert().cause, ALL, 2), "8", "ClinicalAIPerformanceDropRollback", NOW, NOW, time.time()
)


@pytest.fixture
def asked(prometheus: FakePrometheus) -> Iterator[Prometheus]:
    client = Prometheus(prometheus.url)
    yield client
    client.close()


def see(asked: Prometheus, terms: Terms, target: str | None = "7") -> Sample:
    return look(asked, terms, INCIDENT, time.time(), target)


def test_everything_the_guards_ask_for_is_found(asked: Prometheus, prometheus: FakePrometheus, terms: Terms) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=NOW)
    where = {MODEL: "coding", VERSION: "8", SEGMENT_NAME: "payer"}
    prometheus.put(metrics.DEGRADATION_RATIO.prometheus, 0.4, **where, **{SEGMENT_VALUE: "medicaid"})
    whole = {MODEL: "coding", VERSION: "8", SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
    prometheus.put(metrics.DEGRADATION_LOWER_RATIO.prometheus, 0.1, **whole)
    prometheus.put(metrics.DEGRADATION_UPPER_RATIO.prometheus, 0.5, **whole)
    seen = see(asked, terms)
    assert (seen.drop, seen.lower, seen.upper, seen.coverage, seen.instances) == (0.25, 0.1, 0.5, 0.93, 2)
    assert seen.label_time is not None
    assert Stratum("payer", "medicaid", 0.4) in seen.strata
    assert (seen.arm, seen.current) == (None, None)


def test_other_models_and_versions_that_dropped_are_named_with_their_times(
    asked: Prometheus, prometheus: FakePrometheus, terms: Terms
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=NOW)
    for model, version, evidence in (("triage", "3", 2.0), ("sepsis", "1", 0.99), ("coding", "7", 1.0)):
        stream = {MODEL: model, VERSION: version, SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
        prometheus.put(metrics.EVIDENCE.prometheus, evidence, **stream, **{LEVEL: "governance_review"})
        if model == "triage":
            prometheus.put(metrics.CHANGE_POINT_TIME.prometheus, NOW - 60, **stream)
    seen = see(asked, terms)
    assert [fellow for fellow in seen.fellows if fellow.version != "8"] == [
        Fellow("coding", "7", 1.0, None),
        Fellow("triage", "3", 2.0, NOW - 60),
    ]


def test_of_another_model_the_segment_that_began_nearest_counts_and_of_the_same_model_only_the_same_segment(
    asked: Prometheus, prometheus: FakePrometheus, terms: Terms
) -> None:
    """Another processor judges the other model, and its segments have other names."""
    degraded(prometheus, baseline=terms.baseline_hash, change_point=NOW)
    for model, version, value, since in (
        ("triage", "3", "intake", NOW - 9e5),
        ("triage", "3", "ward", NOW - 70),
        ("coding", "7", "medicaid", NOW),
    ):
        stream = {MODEL: model, VERSION: version, SEGMENT_NAME: "department", SEGMENT_VALUE: value}
        prometheus.put(metrics.EVIDENCE.prometheus, 2.0, **stream, **{LEVEL: "governance_review"})
        prometheus.put(metrics.CHANGE_POINT_TIME.prometheus, since, **stream)
    seen = see(asked, terms)
    assert [one for one in seen.fellows if one.version != "8"] == [Fellow("triage", "3", 2.0, NOW - 70)]


def test_a_segment_is_compared_by_the_pairs_of_its_own_cases(
    asked: Prometheus, prometheus: FakePrometheus, terms: Terms
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=NOW)
    prometheus.put(
        metrics.DEPLOYMENT_STATUS.prometheus,
        1,
        job="a",
        instance="a:1",
        **{MODEL: "coding", VERSION: "7", STATE: "shadow"},
    )
    whole, payer = Segment("all", "all"), Segment("payer", "medicaid")
    for segment, verdict, cases in ((whole, -1, 400), (payer, 1, 99)):
        pair = {MODEL: "coding", VERSION: "7", SEGMENT_NAME: segment.name, SEGMENT_VALUE: segment.value}
        prometheus.put(metrics.PAIRING_VERDICT.prometheus, verdict, **pair)
        prometheus.put(metrics.PAIRING_CASES.prometheus, cases, **pair)
    for segment, result, cases in ((whole, "fail", 400.0), (payer, "pass", 99.0)):
        incident = replace(INCIDENT, key=replace(INCIDENT.key, segment=segment))
        seen = look(asked, terms, incident, time.time(), "7")
        assert seen.arm is not None
        assert seen.arm.pairs == cases
        assert counterfactual(terms, seen).result.value == result


def test_what_speaks_for_the_cause_is_read_for_the_stream(
    asked: Prometheus, prometheus: FakePrometheus, terms: Terms
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=NOW)
    whole = {MODEL: "coding", VERSION: "8", SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
    for reason in ("other_model", "input_feature"):
        prometheus.put(metrics.ATTRIBUTION_REASON_STATUS.prometheus, 1, **whole, **{REASON: reason})
    assert see(asked, terms).reasons == ("input_feature", "other_model")


@pytest.mark.parametrize(("state", "beside"), [("shadow", True), ("canary", True), ("standby", False)])
def test_the_version_to_go_back_to_is_compared_where_it_runs_beside(
    asked: Prometheus, prometheus: FakePrometheus, terms: Terms, state: str, *, beside: bool
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=NOW)
    for version, ratio, labels in (("7", 0.9, 120), ("8", 0.7, 800)):
        stream = {MODEL: "coding", VERSION: version, SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
        prometheus.put(metrics.PERFORMANCE_RATIO.prometheus, ratio, **stream)
        prometheus.put(metrics.PERFORMANCE_SAMPLES.prometheus, labels, **stream)
    labels_of = {MODEL: "coding", VERSION: "7", STATE: state}
    prometheus.put(metrics.DEPLOYMENT_STATUS.prometheus, 1, job="service", instance="a:1", **labels_of)
    seen = see(asked, terms)
    expected = (Comparison("7", 0.9, 120.0), Comparison("8", 0.7, 800.0)) if beside else (None, None)
    assert (seen.arm, seen.current) == expected


def test_without_an_answer_the_look_says_so(asked: Prometheus, prometheus: FakePrometheus, terms: Terms) -> None:
    prometheus.up = False
    assert see(asked, terms).reachable is False


@pytest.mark.parametrize(("labels", "seen"), [(10, 0.0), (11, 11.0)])
def test_a_small_cell_is_never_taken_in(
    asked: Prometheus, prometheus: FakePrometheus, terms: Terms, labels: int, seen: float
) -> None:
    degraded(prometheus, baseline=terms.baseline_hash, change_point=NOW)
    whole = {MODEL: "coding", VERSION: "8", SEGMENT_NAME: "all", SEGMENT_VALUE: "all"}
    prometheus.put(metrics.EVIDENCE_SAMPLES.prometheus, labels, **whole)
    low_input(prometheus, "ehr-b", records=labels)
    assert see(asked, terms).samples == seen
    source = replace(INCIDENT, key=Key("coding", hold().cause, SOURCE, 2))
    assert look(asked, terms, source, time.time()).samples == seen
