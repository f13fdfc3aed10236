"""The exporters of the OpenTelemetry SDK deliver to a processor in this process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_clinical.access import Address
from otel_clinical.drift.runtime import Phase, ProcessorService, ProcessorSettings
from otel_clinical.semconv import SCOPE_NAME, attributes
from otel_clinical.simulate._waiting import wait_until
from tests.drift import _wire
from tests.drift.runtime._world import policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

ANY_PORT = Address("127.0.0.1", 0)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ProcessorService]:
    settings = ProcessorSettings(tmp_path / "state", ANY_PORT, ANY_PORT, ANY_PORT)
    with ProcessorService(policy(), settings) as running:
        assert running.wait_ready(30)
        yield running
    assert running.phase is Phase.STOPPED


def record_inferences(exporter: SpanExporter, count: int) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer(SCOPE_NAME)
    for number in range(count):
        with tracer.start_as_current_span("classify coding") as span:
            span.set_attributes(
                {
                    attributes.INFERENCE_ID: _wire.identifier(time.time_ns() + number),
                    attributes.INFERENCE_STATUS: "completed",
                    attributes.MODEL_NAME: "coding",
                    attributes.MODEL_VERSION: "7",
                    attributes.DEPLOYMENT_ACTIVATION: 1,
                    attributes.CONFIDENCE_SCORE: 0.9,
                }
            )
    provider.shutdown()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_over_http(service: ProcessorService, compression: Compression):
    url = f"http://{service.addresses.http}/v1/traces"
    record_inferences(HttpSpanExporter(url, compression=compression), 5)
    wait_until(lambda: service.events().get("inference") == 5, within=30, what="the spans")


def test_over_grpc(service: ProcessorService):
    record_inferences(GrpcSpanExporter(str(service.addresses.grpc), insecure=True), 5)
    wait_until(lambda: service.events().get("inference") == 5, within=30, what="the spans")
