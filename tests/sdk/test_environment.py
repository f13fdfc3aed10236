"""`OTEL_TRACES_EXPORTER=otlp_clinical` is enough: the SDK's own auto-configuration finds the redacting exporters."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_clinical.sdk import ConfigurationError, _environment

ROOT = Path(__file__).parents[2]
CANARY = "canary-5b1e"
PROGRAM = f"""
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()

import logging
from opentelemetry import metrics, trace
from otel_clinical import declare_segments, flush, inference, record_outcome, current_inference

declare_segments({{"payer": ["medicaid"]}})

@inference(model="coding", version="7", segments={{"payer": "payer"}})
def predict(encounter):
    with trace.get_tracer("library").start_as_current_span("GET", attributes={{"url.full": "{CANARY}"}}):
        return current_inference().receipt

receipt = predict({{"payer": "medicaid", "name": "{CANARY}"}})
predict({{"payer": "{CANARY}"}})
record_outcome(receipt, result="correct")
metrics.get_meter("library").create_counter("calls").add(1, {{"mrn": "{CANARY}"}})
assert flush(20)
"""


def run(receiver, exporter):
    signals = ("TRACES", "METRICS", "LOGS")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        **{f"OTEL_{signal}_EXPORTER": exporter for signal in signals},
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_environment_alone_redacts_every_signal(receiver):
    done = run(receiver, "otlp_clinical")
    assert done.returncode == 0, done.stderr
    for path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
        assert receiver.accepted(path), path
    assert all(CANARY.encode() not in body for _, _, body, _ in receiver.requests)
    found = [
        span.name
        for body in receiver.accepted("/v1/traces")
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(found) == ["GET", "GET", "predict coding", "predict coding"]


def test_the_stock_exporter_would_let_it_out(receiver):
    """Negative control."""
    done = run(receiver, "otlp")
    assert done.returncode == 0, done.stderr
    assert any(CANARY.encode() in body for _, _, body, _ in receiver.requests)


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_the_entry_point_of_each_signal_loads(signal):
    (found,) = entry_points(group=f"opentelemetry_{signal}_exporter", name="otlp_clinical")
    found.load()().shutdown()


@pytest.mark.parametrize(("protocol", "kind"), [("", OTLPSpanExporter), ("grpc", GrpcSpanExporter)])
def test_the_environment_chooses_the_protocol(monkeypatch, protocol, kind):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol)
    exporter = _environment.ClinicalSpanExporter()
    assert type(exporter._exporter) is kind
    exporter.shutdown()


def test_an_unknown_protocol_is_named(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    with pytest.raises(
        ConfigurationError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json', expected 'http/protobuf'"
    ):
        _environment.ClinicalMetricExporter()


def test_a_redaction_that_fails_its_self_test_exports_nothing(monkeypatch):
    monkeypatch.setattr(_environment, "_self_test_once", lambda: "the redaction of spans let a marker through")
    for make in (
        _environment.ClinicalSpanExporter,
        _environment.ClinicalLogExporter,
        _environment.ClinicalMetricExporter,
    ):
        with pytest.raises(ConfigurationError, match="let a marker through: nothing is exported"):
            make()
