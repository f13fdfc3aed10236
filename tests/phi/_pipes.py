"""The roads that telemetry takes: with the redaction in between or without it, into receivers that keep the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor as SimpleLogs
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_clinical.instrument import Telemetry
from otel_clinical.sdk import Exporters, RedactingLogExporter, RedactingMetricExporter, RedactingSpanExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.metrics.view import View
    from opentelemetry.sdk.trace.export import SpanExporter

    from tests._receivers import GrpcReceiver, HttpReceiver


class Ledger:
    """Counts nothing and declares nothing, as in a service that never declared anything."""

    def withheld(self, reason: object) -> None:
        """Count nothing."""

    def failed(self, component: object, error: object) -> None:
        """Let the test see what the redaction could not do."""
        raise AssertionError(f"{component} failed with {error!r}")

    def allowed(self, _: str) -> tuple[str, ...]:
        """Declare nothing."""
        return ()

    def missed(self, _: str) -> None:
        """Say nothing."""


class Pipe:
    """Providers of an application whose exporters are the stock ones, behind our redaction or not.

    Attributes:
        telemetry: What our decorators report to.
        tracer_provider: For other libraries.
        meter_provider: For other libraries.
        logger_provider: For other libraries.
    """

    def __init__(
        self,
        spans: SpanExporter,
        logs: LogRecordExporter,
        metrics: MetricExporter,
        *,
        redact: bool,
        resource: Resource | None = None,
        views: Sequence[View] = (),
    ) -> None:
        if redact:
            ledger = Ledger()
            spans = RedactingSpanExporter(spans, ledger, ledger)
            logs = RedactingLogExporter(logs, ledger, ledger)
            metrics = RedactingMetricExporter(metrics, ledger, ledger)
        resource = resource or Resource.create({"service.name": "coding"})
        self.tracer_provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(BatchSpanProcessor(spans))
        self.logger_provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(BatchLogRecordProcessor(logs))
        self.meter_provider = MeterProvider(
            [PeriodicExportingMetricReader(metrics, 3_600_000)],
            resource=resource,
            shutdown_on_exit=False,
            views=views,
            exemplar_filter=AlwaysOnExemplarFilter(),
        )
        self.telemetry = Telemetry(
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            logger_provider=self.logger_provider,
        )

    def close(self) -> None:
        """Export what is left."""
        self.telemetry.shutdown(10)
        for provider in (self.tracer_provider, self.meter_provider, self.logger_provider):
            provider.shutdown()


def http_exporters(receiver: HttpReceiver) -> Exporters:
    """Return the stock exporters to a receiver, for a set-up of ours."""
    return Exporters(
        OTLPSpanExporter(f"{receiver.url}/v1/traces"),
        OTLPLogExporter(f"{receiver.url}/v1/logs"),
        OTLPMetricExporter(f"{receiver.url}/v1/metrics"),
    )


def http_pipe(receiver: HttpReceiver, *, gzip: bool = False, **options: Any) -> Pipe:
    """Export over OTLP/HTTP with the stock exporters."""
    how = Compression.Gzip if gzip else Compression.NoCompression
    return Pipe(
        OTLPSpanExporter(f"{receiver.url}/v1/traces", compression=how),
        OTLPLogExporter(f"{receiver.url}/v1/logs", compression=how),
        OTLPMetricExporter(f"{receiver.url}/v1/metrics", compression=how),
        **options,
    )


def grpc_pipe(receiver: GrpcReceiver, *, gzip: bool = False, **options: Any) -> Pipe:
    """Export over OTLP/gRPC with the stock exporters."""
    from grpc import Compression as How  # noqa: PLC0415 -- one name for two things
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Logs  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Metrics  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Spans  # noqa: PLC0415

    to = {"endpoint": receiver.url, "insecure": True, "compression": How.Gzip if gzip else How.NoCompression}
    return Pipe(Spans(**to), Logs(**to), Metrics(**to), **options)


class MemoryPipe:
    """Providers that keep everything in this process, as the stock exporters would encode it."""

    def __init__(self) -> None:
        self._spans, self._logs, self._reader = InMemorySpanExporter(), InMemoryLogRecordExporter(), _reader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.logger_provider = LoggerProvider(shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogs(self._logs))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            logger_provider=self.logger_provider,
            synchronous=True,
        )

    def sinks(self) -> dict[str, bytes]:
        """Return the bytes of each signal."""
        data = self._reader.get_metrics_data()
        return {
            "traces": encode_spans(self._spans.get_finished_spans()).SerializeToString(),
            "logs": encode_logs(self._logs.get_finished_logs()).SerializeToString(),
            "metrics": encode_metrics(data).SerializeToString() if data is not None else b"",
        }

    def close(self) -> None:
        """End the providers."""
        for provider in (self.tracer_provider, self.meter_provider, self.logger_provider):
            provider.shutdown()


def _reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()
