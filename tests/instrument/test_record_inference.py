"""The twin of the decorator: an inference of the past, with its own times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_clinical.instrument import (
    QualityResult,
    record_inference,
)
from otel_clinical.semconv import attributes, metrics
from otel_clinical.semconv.enums import (
    InputQualityAction,
    OperationName,
    UseCase,
)
from tests.instrument._coding import Hostile


def test_a_recorded_inference_keeps_its_own_times_to_the_nanosecond(capture):
    receipt = record_inference(
        model="coding", version="7", started_at=1_600_000_000.25, duration=0.125, telemetry=capture.telemetry
    )
    assert capture.span.start_time == 1_600_000_000_250_000_000
    assert capture.span.end_time == 1_600_000_000_375_000_000
    assert receipt.time == 1_600_000_000.25
    ((_, (count, total)),) = capture.points(metrics.INFERENCE_DURATION).items()
    assert (count, total) == (1, 0.125)


@given(at=st.integers(0, 4_000_000_000), eighths=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_any_time_survives_exactly(capture, at, eighths):
    capture.span_exporter.clear()
    record_inference(model="coding", version="7", started_at=at + eighths / 8, telemetry=capture.telemetry)
    assert capture.span.start_time == at * 10**9 + eighths * 125_000_000


def test_an_aware_datetime_is_a_time_and_a_naive_one_is_refused(capture):
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    record_inference(model="coding", version="7", started_at=moment, telemetry=capture.telemetry)
    assert capture.span.start_time == int(moment.timestamp()) * 10**9
    record_inference(model="coding", version="7", started_at=datetime(2026, 3, 1), telemetry=capture.telemetry)  # noqa: DTZ001
    assert capture.redactions() == {"bad_type": 1}


@pytest.mark.parametrize("field", ["started_at", "duration", "confidence"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, "yesterday", Hostile(), True, 1e300])
def test_bad_times_and_numbers_are_withheld_and_the_inference_is_still_recorded(capture, field, value):
    record_inference(model="coding", version="7", **{field: value}, telemetry=capture.telemetry)
    assert len(capture.spans) == 1
    assert sum(capture.redactions().values()) == 1


def test_a_bad_name_becomes_other_and_is_counted(capture):
    receipt = record_inference(model="Mr Smith", version=Hostile(), telemetry=capture.telemetry)
    assert (receipt.model, receipt.version) == ("_OTHER", "_OTHER")
    assert capture.redactions() == {"pattern": 2}


def test_every_field_of_the_twin_arrives(capture):
    receipt = record_inference(
        model="coding",
        version="7",
        use_case=UseCase.REVENUE_CYCLE,
        operation=OperationName.CLASSIFY,
        role="canary",
        segments={"payer": "medicaid"},
        confidence=0.876,
        confidence_method="calibrated",
        quality=QualityResult(0.8, InputQualityAction.FLAG),
        started_at=1_600_000_000,
        duration=1,
        activation=3,
        status="fallback",
        telemetry=capture.telemetry,
    )
    assert capture.span.name == "classify coding"
    assert dict(capture.span.attributes) == {
        attributes.INFERENCE_ID: receipt.inference_id,
        attributes.MODEL_NAME: "coding",
        attributes.MODEL_VERSION: "7",
        attributes.USE_CASE: "revenue_cycle",
        attributes.OPERATION_NAME: "classify",
        attributes.DEPLOYMENT_ROLE: "canary",
        attributes.DEPLOYMENT_ACTIVATION: 3,
        attributes.INFERENCE_STATUS: "fallback",
        attributes.CONFIDENCE_SCORE: 0.876,
        attributes.CONFIDENCE_METHOD: "calibrated",
        attributes.ROUTING_LEVEL: "assisted",
        attributes.ROUTING_REASON: "input_quality",
        attributes.INPUT_QUALITY_SCORE: 0.8,
        attributes.INPUT_QUALITY_ACTION: "flag",
        attributes.SEGMENT_PAYER: "medicaid",
    }
    assert (receipt.confidence, receipt.activation, receipt.route) == (0.88, 3, "assisted")
    capture.assert_conforms()
