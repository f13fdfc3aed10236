"""What code says counts before what the environment says, and that before the default."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.generate.settings import PAGE, render
from otel_clinical.sdk import ConfigurationError, Exporters, Settings, configure
from otel_clinical.sdk._configure import _exporters
from otel_clinical.sdk._precedence import FROM_ENVIRONMENT, resolve
from otel_clinical.semconv import SCOPE_NAME, attributes

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "examples" / "policy.yaml"
NOTHING = {
    "service": None, "version": "", "environment": "", "policy": None, "receipt_keys": None, "endpoint": None,
    "protocol": None, "headers": {}, "metrics": FROM_ENVIRONMENT, "schedule_delay": None, "metric_interval": None,
    "timeout": None, "queue_size": None, "receipt_max_age": None,
}  # fmt: skip

CASES = [
    ("service", "OTEL_SERVICE_NAME", "from-environment", "from-environment", "from-code"),
    ("policy", "OTEL_CLINICAL_POLICY", "a.yaml", Path("a.yaml"), Path("b.yaml")),
    ("protocol", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "grpc", "http/protobuf"),
    ("receipt_max_age", "OTEL_CLINICAL_RECEIPT_MAX_DAYS", "730", 730 * 86_400.0, 60.0),
    ("schedule_delay", "OTEL_BSP_SCHEDULE_DELAY", "250", 0.25, 3.0),
    ("metric_interval", "OTEL_METRIC_EXPORT_INTERVAL", "60000", 60.0, 5.0),
    ("timeout", "OTEL_EXPORTER_OTLP_TIMEOUT", "3", 3.0, 2.0),
    ("queue_size", "OTEL_BSP_MAX_QUEUE_SIZE", "100", 100, 50),
]


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in [found.metadata["variable"] for found in fields(Settings)] + ["OTEL_RESOURCE_ATTRIBUTES"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "coding-service")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_code_before_environment(monkeypatch, case):
    field, variable, text, value, code = case
    monkeypatch.setenv(variable, text)
    assert getattr(resolve(NOTHING), field) == value
    assert getattr(resolve({**NOTHING, field: code}), field) == code


def test_the_defaults():
    found = resolve(NOTHING)
    assert (found.schedule_delay, found.metric_interval, found.timeout, found.queue_size) == (1.0, 15.0, 10.0, 8192)
    assert (found.protocol, found.push_metrics, found.page) == ("http/protobuf", True, None)
    assert (found.policy, found.disabled, found.receipt_max_age) == (None, False, 365 * 86_400.0)


@pytest.mark.parametrize(
    ("text", "push", "page"), [("none", False, False), ("otlp", True, False), ("prometheus:0", False, True)]
)
def test_the_environment_says_where_metrics_go(monkeypatch, text, push, page):
    monkeypatch.setenv("OTEL_CLINICAL_METRICS", text)
    found = resolve(NOTHING)
    assert (found.push_metrics, found.page is not None) == (push, page)
    assert resolve({**NOTHING, "metrics": "otlp"}).push_metrics
    assert not resolve({**NOTHING, "metrics": None}).push_metrics


def test_resource_attributes_may_name_the_service(monkeypatch):
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=listed")
    assert resolve(NOTHING).service == "listed"


def test_a_service_without_a_name_is_refused(monkeypatch):
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    with pytest.raises(ConfigurationError, match=r"configure\(service=...\) or OTEL_SERVICE_NAME must name it"):
        configure(set_global=False)


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
@pytest.mark.parametrize(
    "variable", ["OTEL_BSP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_BSP_MAX_QUEUE_SIZE"]
)
def test_a_variable_that_is_no_number_is_named(monkeypatch, variable, text):
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError, match=f"{variable} is '{text}', expected a number greater than 0"):
        resolve(NOTHING)


@pytest.mark.parametrize("size", [1.5, math.nan, math.inf])
def test_a_queue_of_half_a_span_is_refused(size):
    with pytest.raises(ConfigurationError, match=r"queue_size is .*, expected a whole number"):
        resolve({**NOTHING, "queue_size": size})


def test_the_environment_alone_is_enough(monkeypatch):
    monkeypatch.setenv("OTEL_CLINICAL_POLICY", str(POLICY))
    memory = InMemorySpanExporter()
    with configure(exporters=Exporters(spans=memory), metrics=None, set_global=False) as handle:
        tracer = handle.tracer_provider.get_tracer(SCOPE_NAME)
        tracer.start_span("classify coding", attributes={attributes.SEGMENT_PAYER: "medicaid"}).end()
    (span,) = memory.get_finished_spans()
    assert span.resource.attributes["service.name"] == "coding-service"
    assert span.attributes == {attributes.SEGMENT_PAYER: "medicaid"}


def test_a_disabled_sdk_opens_no_port_and_says_why(monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    memory = InMemorySpanExporter()
    with configure(exporters=Exporters(spans=memory), metrics="prometheus:0", set_global=False) as handle:
        handle.tracer_provider.get_tracer(SCOPE_NAME).start_span("classify coding").end()
        assert (handle.problem, handle.metrics_address) == ("OTEL_SDK_DISABLED is true", None)
    assert memory.get_finished_spans() == ()


@pytest.mark.parametrize(("protocol", "kind"), [("http/protobuf", OTLPSpanExporter), ("grpc", GrpcSpanExporter)])
def test_both_protocols_are_spoken(protocol, kind):
    exporters = _exporters(resolve({**NOTHING, "protocol": protocol}))
    assert isinstance(exporters.spans, kind)
    for exporter in (exporters.spans, exporters.events, exporters.metrics):
        exporter.shutdown()


def test_every_variable_of_ours_is_a_field():
    """What the instrumentation and the set-up read is documented because it is a field of `Settings`."""
    read = {
        name
        for package in ("instrument", "sdk", "quality", "semconv", "release")
        for path in (ROOT / "otel_clinical" / package).rglob("*.py")
        for name in re.findall(r"\bOTEL_CLINICAL_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    assert read == {
        found.metadata["variable"] for found in fields(Settings) if "CLINICAL" in found.metadata["variable"]
    }


def test_the_reference_page_is_up_to_date():
    assert (ROOT / PAGE).read_text(encoding="utf-8") == render()[PAGE]
