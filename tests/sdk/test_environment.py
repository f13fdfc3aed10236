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
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_clinical.sdk import ConfigurationError, _environment
from otel_clinical.semconv import attributes, metrics

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


def run(receiver, exporter, program=PROGRAM, **more):
    signals = ("TRACES", "METRICS", "LOGS")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        **{f"OTEL_{signal}_EXPORTER": exporter for signal in signals},
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def metrics_in(body):
    """Return (resource attributes, metrics by name) of one export."""
    (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    found = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    return {pair.key: pair.value.string_value for pair in resource.resource.attributes}, found


def test_the_environment_alone_redacts_every_signal(receiver):
    done = run(receiver, "otlp_clinical")
    assert done.returncode == 0, done.stderr
    for path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
        assert receiver.accepted(path), path
    assert all(CANARY.encode() not in body for body in receiver.bodies)
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
    assert any(CANARY.encode() in body for body in receiver.bodies)


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_the_entry_point_of_each_signal_loads(signal):
    (found,) = entry_points(group=f"opentelemetry_{signal}_exporter", name="otlp_clinical")
    found.load()().shutdown()


@pytest.mark.parametrize(("protocol", "kind"), [("", OTLPSpanExporter), ("grpc", GrpcSpanExporter)])
def test_the_environment_chooses_the_protocol(monkeypatch, protocol, kind):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol)
    exporter = _environment.ClinicalSpanExporter()
    assert isinstance(exporter._exporter, kind)
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


def test_the_environment_names_the_service_and_not_the_host(receiver):
    done = run(
        receiver,
        "otlp_clinical",
        OTEL_SERVICE_NAME="coding-service",
        OTEL_RESOURCE_ATTRIBUTES=f"service.name=other,service.version=1.2,host.name={CANARY}",
    )
    assert done.returncode == 0, done.stderr
    resource, _ = metrics_in(receiver.accepted("/v1/metrics")[-1])
    assert (resource["service.name"], resource["service.version"]) == ("coding-service", "1.2")
    assert CANARY not in resource.values()


def test_the_environment_reads_the_policy(receiver):
    """Its segment values pass, and its versions start at zero before anything is recorded."""
    program = (
        "from opentelemetry.sdk._configuration import _OTelSDKConfigurator\n"
        "_OTelSDKConfigurator().configure()\n"
        "from otel_clinical import flush, inference\n"
        "with inference(model='coding', version='7', segments={'payer': 'medicaid', 'site': 'Jane'}): pass\n"
        "assert flush(20)\n"
    )
    done = run(receiver, "otlp_clinical", program, OTEL_CLINICAL_POLICY=str(ROOT / "examples" / "policy.yaml"))
    assert done.returncode == 0, done.stderr
    bodies = receiver.accepted("/v1/traces")
    assert any(b"medicaid" in body for body in bodies)
    assert all(b"Jane" not in body for body in bodies)
    _, found = metrics_in(receiver.accepted("/v1/metrics")[-1])
    zeros = {
        pair.value.string_value
        for point in found[metrics.OUTCOMES.name].sum.data_points
        for pair in point.attributes
        if pair.key == attributes.MODEL_VERSION and point.as_int == 0
    }
    assert zeros == {"7", "8"}


def test_a_policy_with_mistakes_stops_the_set_up(receiver, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("nonsense: 1\n", encoding="utf-8")
    done = run(receiver, "otlp_clinical", OTEL_CLINICAL_POLICY=str(policy))
    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert receiver.requests == []


@pytest.mark.parametrize(("value", "expected"), [("", 15_000), ("2000", 2_000)])
def test_metrics_leave_every_15_seconds_or_as_the_environment_says(monkeypatch, value, expected):
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", value)
    reader = _environment.ClinicalMetricReader()
    assert reader._export_interval_millis == expected
    reader.shutdown()


def test_more_series_than_the_sdks_default_limit_stay_apart(receiver):
    program = PROGRAM.replace("assert flush", (
        "counter = metrics.get_meter('otel_clinical').create_counter('clinical_ai.segment.outcomes')\n"
        "declare_segments({'site': [f's{n}' for n in range(50)]})\n"
        "from otel_clinical.instrument._names import CODE\n"
        "CODE.declare('coding', *(f'v{n}' for n in range(50)))\n"
        "for n in range(2500):\n"
        "    counter.add(1, {'clinical_ai.model.version': f'v{n // 50}', 'clinical_ai.segment.value': f's{n % 50}'})\n"
        "assert flush"
    ))  # fmt: skip
    done = run(receiver, "otlp_clinical", program)
    assert done.returncode == 0, done.stderr
    _, found = metrics_in(receiver.accepted("/v1/metrics")[-1])
    points = [point for point in found[metrics.SEGMENT_OUTCOMES.name].sum.data_points if point.as_int]
    assert len(points) == 2500 + 1  # the outcome that the program reports


def test_metrics_are_cumulative_with_the_registrys_bounds_whatever_the_environment_prefers(receiver):
    done = run(
        receiver,
        "otlp_clinical",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram",
    )
    assert done.returncode == 0, done.stderr
    _, found = metrics_in(receiver.accepted("/v1/metrics")[-1])
    assert found[metrics.OUTCOMES.name].sum.aggregation_temporality == 2
    duration = found[metrics.INFERENCE_DURATION.name].histogram
    assert duration.aggregation_temporality == 2
    assert tuple(duration.data_points[0].explicit_bounds) == metrics.INFERENCE_DURATION.buckets


@pytest.mark.parametrize(("filter_", "some"), [("", True), ("always_off", False)])
def test_the_environment_switches_exemplars(receiver, filter_, some):
    done = run(receiver, "otlp_clinical", OTEL_METRICS_EXEMPLAR_FILTER=filter_ or "trace_based")
    assert done.returncode == 0, done.stderr
    exports = [metrics_in(body)[1] for body in receiver.accepted("/v1/metrics")]
    points = [point for found in exports for point in found[metrics.INFERENCE_DURATION.name].histogram.data_points]
    assert any(point.exemplars for point in points) is some


def test_a_disabled_sdk_exports_nothing(receiver):
    done = run(
        receiver,
        "otlp_clinical",
        PROGRAM.partition("receipt =")[0] + "predict({})\nassert flush(20)\n",
        OTEL_SDK_DISABLED="true",
    )
    assert done.returncode == 0, done.stderr
    assert receiver.requests == []


def test_a_receiver_that_takes_no_metrics_is_named_with_what_to_do(receiver):
    receiver.answer = lambda path: 404 if path == "/v1/metrics" else 200
    done = run(receiver, "otlp_clinical")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("takes no metrics (404)") == 1


def test_prometheus_can_scrape_a_process_that_the_environment_set_up():
    """On the loopback, redacted."""
    program = PROGRAM + (
        "import urllib.request, opentelemetry.metrics as m\n"
        "(reader,) = m.get_meter_provider()._metric_readers\n"
        "host, port = reader.address\n"
        "print(host, urllib.request.urlopen(f'http://{host}:{port}/metrics').read().decode())\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment |= {"OTEL_METRICS_EXPORTER": "prometheus_clinical", "OTEL_EXPORTER_PROMETHEUS_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("127.0.0.1 ")
    assert metrics.OUTCOMES.prometheus in done.stdout
    assert CANARY not in done.stdout


@pytest.mark.parametrize("text", ["http", "70000", "-1"])
def test_a_port_that_is_none_is_named(monkeypatch, text):
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", text)
    with pytest.raises(ConfigurationError, match=f"OTEL_EXPORTER_PROMETHEUS_PORT is '{text}', expected a port"):
        _environment.ClinicalPrometheusReader()


def test_the_variables_are_options_of_opentelemetry_instrument():
    (found,) = entry_points(group="opentelemetry_environment_variables", name="otel_clinical")
    assert found.load().OTEL_CLINICAL_POLICY == "OTEL_CLINICAL_POLICY"
