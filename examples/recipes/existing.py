"""An application that has OpenTelemetry keeps it: only its exporters are wrapped.

Run: python existing.py
"""

from __future__ import annotations

from model import suggest_code
from opentelemetry import _logs, metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_clinical import flush
from otel_clinical.sdk import redacted


def set_up() -> None:
    """Set OpenTelemetry up as the application always did; `redacted(...)` is all that is new."""
    resource = Resource.create({"service.name": "existing-service"})
    tracer_provider = TracerProvider(resource=resource)
    tracer_provider.add_span_processor(BatchSpanProcessor(redacted(OTLPSpanExporter())))
    trace.set_tracer_provider(tracer_provider)
    logger_provider = LoggerProvider(resource=resource)
    logger_provider.add_log_record_processor(BatchLogRecordProcessor(redacted(OTLPLogExporter())))
    _logs.set_logger_provider(logger_provider)
    reader = PeriodicExportingMetricReader(redacted(OTLPMetricExporter()), export_interval_millis=15_000)
    metrics.set_meter_provider(MeterProvider([reader], resource=resource))


if __name__ == "__main__":
    set_up()
    mine = (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())
    with trace.get_tracer("application").start_as_current_span("GET /encounters/{id}") as span:
        span.set_attribute("url.path", "/encounters/MRN-0012345")  # does not leave
        print(suggest_code({"payer": "medicaid", "note": "flu, MRN-0012345"})["code"])
    flush()
    same = (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()) == mine
    print("providers unchanged:", same)
