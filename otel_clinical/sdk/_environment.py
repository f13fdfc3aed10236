"""Exporters for a set-up without code: `OTEL_TRACES_EXPORTER=otlp_clinical`, or `otlp_clinical` in `OTEL_CONFIG_FILE`.

They are OTLP exporters behind the redaction, and read `OTEL_EXPORTER_OTLP_*` as the stock ones do.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from otel_clinical.instrument import default_telemetry
from otel_clinical.sdk._audience import Audience
from otel_clinical.sdk._bulk import BulkWriter
from otel_clinical.sdk._collect_slices import collect_in_slices
from otel_clinical.sdk._logs import RedactingLogExporter
from otel_clinical.sdk._metrics import CARDINALITY, RedactingMetricExporter, RedactingPrometheusReader
from otel_clinical.sdk._options import stock_options
from otel_clinical.sdk._otlp import log_exporter, metric_exporter, span_exporter
from otel_clinical.sdk._page import Page, SerialRegistry
from otel_clinical.sdk._policy import apply_policy, read_policy
from otel_clinical.sdk._precedence import METRIC_INTERVAL, policy_of_environment, protocol_of_environment, read_number
from otel_clinical.sdk._self_test import self_test
from otel_clinical.sdk._settings import LOOPBACK, ConfigurationError, PrometheusPage
from otel_clinical.sdk._spans import RedactingSpanExporter
from otel_clinical.sdk._unowned import come_first, look_after

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

_HOST: Final = "OTEL_EXPORTER_PROMETHEUS_HOST"
_PORT: Final = "OTEL_EXPORTER_PROMETHEUS_PORT"
_DEFAULT_PORT: Final = 9464


class ClinicalSpanExporter(RedactingSpanExporter):
    """Redact spans, then export them by OTLP; for the options see `stock_options`."""

    def __init__(self, **options: Any) -> None:
        audience = _tested_audience()
        exporter = span_exporter(*_stock("TRACES", options))
        super().__init__(exporter, audience, audience)
        look_after(exporter)


class ClinicalLogExporter(RedactingLogExporter):
    """Redact events and log records, then export them by OTLP; for the options see `stock_options`."""

    def __init__(self, **options: Any) -> None:
        audience = _tested_audience()
        exporter = log_exporter(*_stock("LOGS", options))
        super().__init__(exporter, audience, audience)
        look_after(exporter)


class ClinicalMetricExporter(RedactingMetricExporter):
    """Redact metrics, then export them by OTLP, cumulative; for the options see `stock_options`."""

    def __init__(self, **options: Any) -> None:
        audience = _tested_audience()
        exporter = metric_exporter(*_stock("METRICS", options))
        super().__init__(exporter, audience, audience)
        look_after(exporter)
        default_telemetry().bulk = BulkWriter()


class ClinicalMetricReader(PeriodicExportingMetricReader):
    """Redact and export metrics every 15 s, or as `OTEL_METRIC_EXPORT_INTERVAL` says; with room for all segments.

    `OTEL_METRICS_EXPORTER` admits readers, and a reader that the SDK makes by itself has too little room. A
    configuration file brings a reader of its own and wants an exporter: there this is one, and collects nothing.
    """

    def __init__(self, **options: Any) -> None:
        milliseconds = read_number(*METRIC_INTERVAL) * 1000
        self._own = ClinicalMetricExporter(**options)
        self._preferred_aggregation = self._own._preferred_aggregation  # noqa: SLF001 -- asked of every exporter
        super().__init__(self._own, milliseconds, cardinality_limits=CARDINALITY)
        collect_in_slices(self)

    def _set_meter_provider(self, meter_provider: Any) -> None:
        super()._set_meter_provider(meter_provider)
        come_first()  # the provider has just registered its own end

    def collect(self, timeout_millis: float = 10_000) -> None:  # type: ignore[misc]  # final, and the only place
        """Collect and export, unless no provider has taken this for its reader."""
        if self._collect is not None:
            super().collect(timeout_millis)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Redact and export what another reader collected."""
        return self._own.export(metrics_data, timeout_millis, **kwargs)


class ClinicalPrometheusReader(RedactingPrometheusReader):
    """Redact metrics and expose them to a scraper, as `prometheus_clinical`.

    Args:
        host: Address to listen on; by default `OTEL_EXPORTER_PROMETHEUS_HOST`, and else the loopback.
        port: Port to listen on, 0 for a free one; by default `OTEL_EXPORTER_PROMETHEUS_PORT`, and else 9464.
    """

    def __init__(self, host: str | None = None, port: int | None = None) -> None:
        audience = _tested_audience()
        registry = SerialRegistry()
        self._page = Page(PrometheusPage(host or os.environ.get(_HOST, "") or LOOPBACK, _port(port)), registry)
        super().__init__(registry, audience, audience)
        default_telemetry().bulk = BulkWriter()

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of the page."""
        return self._page.address

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Stop serving."""
        super().shutdown(timeout_millis, **kwargs)
        self._page.close()


def _stock(signal: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return stock_options(options, protocol_of_environment(signal))


def _port(given: int | None) -> int:
    text = str(given) if given is not None else os.environ.get(_PORT, "").strip() or str(_DEFAULT_PORT)
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 -- the highest port there is
        raise ConfigurationError(f"{_PORT} is {text!r}, expected a port")
    return int(text)


@cache
def _self_test_once() -> str | None:
    return self_test(Audience())


@cache
def _apply_policy_once(file: Path) -> None:
    """Declare what the policy says; the first of the exporters does it for all."""
    policy = read_policy(file)
    if policy is not None:
        apply_policy(policy, default_telemetry())


def _tested_audience() -> Audience:
    """Return what counts for the process-wide telemetry.

    Raises:
        ConfigurationError: a marker came through the redaction, so nothing may be exported.
        PolicyErrors: `OTEL_CLINICAL_POLICY` names a file that has mistakes.
    """
    problem = _self_test_once()
    if problem is not None:
        raise ConfigurationError(f"{problem}: nothing is exported; update otel-clinical or pin the OpenTelemetry SDK")
    file = policy_of_environment()
    if file is not None:
        _apply_policy_once(file)
    audience = Audience()
    audience.listen(default_telemetry())
    return audience
