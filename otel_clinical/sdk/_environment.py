"""Exporters for a set-up by environment: `OTEL_TRACES_EXPORTER=otlp_clinical`, and the same for metrics and logs.

They are OTLP exporters behind the redaction, and read `OTEL_EXPORTER_OTLP_*` as the stock ones do.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.instrument import default_telemetry
from otel_clinical.sdk._audience import Audience
from otel_clinical.sdk._logs import RedactingLogExporter
from otel_clinical.sdk._metrics import CUMULATIVE, RedactingMetricExporter
from otel_clinical.sdk._self_test import self_test
from otel_clinical.sdk._settings import ConfigurationError
from otel_clinical.sdk._spans import RedactingSpanExporter

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

_HTTP: Final = "http/protobuf"
_GRPC: Final = "grpc"


class ClinicalSpanExporter(RedactingSpanExporter):
    """Redact spans, then export them by OTLP; `options` go to the OTLP exporter."""

    def __init__(self, **options: Any) -> None:
        audience = _tested_audience()
        super().__init__(_span_exporter(_protocol("TRACES"), options), audience, audience)


class ClinicalLogExporter(RedactingLogExporter):
    """Redact events and log records, then export them by OTLP; `options` go to the OTLP exporter."""

    def __init__(self, **options: Any) -> None:
        audience = _tested_audience()
        super().__init__(_log_exporter(_protocol("LOGS"), options), audience, audience)


class ClinicalMetricExporter(RedactingMetricExporter):
    """Redact metrics, then export them by OTLP, cumulative; `options` go to the OTLP exporter."""

    def __init__(self, **options: Any) -> None:
        audience = _tested_audience()
        options = {"preferred_temporality": CUMULATIVE, **options}
        super().__init__(_metric_exporter(_protocol("METRICS"), options), audience, audience)


@cache
def _self_test_once() -> str | None:
    return self_test(Audience())


def _tested_audience() -> Audience:
    """Return what counts for the process-wide telemetry.

    Raises:
        ConfigurationError: a marker came through the redaction, so nothing may be exported.
    """
    problem = _self_test_once()
    if problem is not None:
        raise ConfigurationError(f"{problem}: nothing is exported; update otel-clinical or pin the OpenTelemetry SDK")
    audience = Audience()
    audience.listen(default_telemetry())
    return audience


def _protocol(signal: str) -> str:
    """Return the protocol of a signal as the environment says, by default OTLP/HTTP."""
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        found = os.environ.get(name, "").strip()
        if found:
            if found not in {_HTTP, _GRPC}:
                raise ConfigurationError(f"{name} is {found!r}, expected {_HTTP!r} or {_GRPC!r}")
            return found
    return _HTTP


# Each of the two is imported when it is wanted: gRPC alone takes a tenth of a second.


def _span_exporter(protocol: str, options: dict[str, Any]) -> SpanExporter:
    if protocol == _GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc  # noqa: PLC0415

        return Grpc(**options)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return OTLPSpanExporter(**options)


def _log_exporter(protocol: str, options: dict[str, Any]) -> LogRecordExporter:
    if protocol == _GRPC:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Grpc  # noqa: PLC0415

        return Grpc(**options)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415

    return OTLPLogExporter(**options)


def _metric_exporter(protocol: str, options: dict[str, Any]) -> MetricExporter:
    if protocol == _GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc  # noqa: PLC0415

        return Grpc(**options)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

    return OTLPMetricExporter(**options)
