"""The wire shape that the drift processor reads, and that everything recorded is in the registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otel_clinical.instrument import (
    InputRefused,
    QualityProfile,
    current_inference,
    inference,
    record_cost,
    record_encounter,
    record_outcome,
    record_revenue,
    record_review,
    record_risk_event,
    record_task,
)
from otel_clinical.semconv import attributes, events, metrics

ROOT = Path(__file__).parents[2]


def test_the_span_of_a_decorated_call_has_exactly_the_agreed_shape(capture):
    @inference(
        model="coding",
        version="7",
        use_case="revenue_cycle",
        operation="classify",
        segments={"payer": "payer", "site": "site"},
        confidence="p",
        confidence_method="calibrated",
        quality=QualityProfile(required=("age", "dx"), flag_below=0.9),
        activation=2,
        telemetry=capture.telemetry,
    )
    def predict(encounter):
        return {"p": 0.8, "receipt": current_inference().receipt}

    receipt = predict({"payer": "medicaid", "site": "h07", "age": 40})["receipt"]
    span = capture.span
    assert span.name == "classify coding"
    assert span.kind.name == "INTERNAL"
    assert dict(span.attributes) == {
        attributes.INFERENCE_ID: receipt.inference_id,
        attributes.MODEL_NAME: "coding",
        attributes.MODEL_VERSION: "7",
        attributes.USE_CASE: "revenue_cycle",
        attributes.OPERATION_NAME: "classify",
        attributes.DEPLOYMENT_ROLE: "active",
        attributes.DEPLOYMENT_ACTIVATION: 2,
        attributes.INFERENCE_STATUS: "completed",
        attributes.INPUT_QUALITY_SCORE: 0.5,
        attributes.INPUT_QUALITY_ACTION: "flag",
        attributes.CONFIDENCE_SCORE: 0.8,
        attributes.CONFIDENCE_METHOD: "calibrated",
        attributes.ROUTING_LEVEL: "assisted",
        attributes.ROUTING_REASON: "input_quality",
        attributes.SEGMENT_PAYER: "medicaid",
        attributes.SEGMENT_SITE: "_OTHER",
    }


def test_everything_the_instrumentation_records_is_in_the_registry(capture):
    where = {"telemetry": capture.telemetry}
    profile = QualityProfile(required=("age",), ranges={"age": (0, 120)}, refuse_below=0.5)

    @inference(model="coding", version="7", segments={"payer": "payer"}, quality=profile, confidence="p", **where)
    def predict(encounter):
        if encounter.get("fail"):
            raise OSError
        return {"p": 0.7, "receipt": current_inference().receipt}

    receipt = predict({"payer": "medicaid", "age": 4})["receipt"]
    with pytest.raises(InputRefused):
        predict({"payer": "commercial"})
    with pytest.raises(OSError):  # noqa: PT011 -- the user's own, without text
        predict({"age": 1, "fail": True})
    record_outcome(receipt, result="incorrect", source="claim", **where)
    record_review(receipt, action="rejected", edit_ratio=0.5, reason="unsafe", role="nurse", **where)
    record_revenue(1, use_case="imaging", **where)
    record_cost(1, use_case="imaging", **where)
    record_encounter(use_case="imaging", **where)
    record_risk_event(use_case="imaging", **where)
    record_task("x", 1, **where)
    capture.assert_conforms()
    assert {event.event_name for event in capture.events} == {events.INPUT_REJECTED, events.OUTCOME, events.REVIEW}
    recorded = {metric.name for metric in capture.all_metrics()}
    observed_elsewhere = {
        metrics.DEPLOYMENT_STATUS.name,
        metrics.ROUTER_DEGRADED.name,
        metrics.ROUTER_SERVING_EPOCH.name,
        metrics.FEEDBACK_SUBMISSIONS.name,
        metrics.FEEDBACK_TRIAGE_DURATION.name,
        metrics.TELEMETRY_ERRORS.name,
        metrics.TELEMETRY_REDACTIONS.name,
        metrics.TELEMETRY_DROPPED.name,
    }
    promised = {metric.name for metric in metrics.ALL if metric.source == "inference"}
    assert promised - recorded == observed_elsewhere


def test_a_failed_inference_is_told_apart_by_error_type(capture):
    @inference(model="coding", version="7", telemetry=capture.telemetry)
    def predict():
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 -- the user's own, without text
        predict()
    (key,) = capture.points(metrics.INFERENCES)
    assert key == ("coding", "7", "_OTHER", "active", "failed", "standard", "OSError")


def test_importing_the_instrumentation_needs_only_the_api():
    code = (
        "import sys, otel_clinical.instrument\n"
        "heavy = {'river','scipy','numpy','grpc','pydantic','yaml','click','rich','starlette','prometheus_client'}\n"
        "found = sorted(heavy & set(sys.modules)) + [m for m in sys.modules if m.startswith('opentelemetry.sdk')]\n"
        "import threading\n"
        "found += [t.name for t in threading.enumerate() if t is not threading.main_thread()]\n"
        "sys.exit(', '.join(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
