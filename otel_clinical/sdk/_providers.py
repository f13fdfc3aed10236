"""Make the three providers, with every exporter behind its redaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from otel_clinical.instrument import Telemetry
from otel_clinical.sdk._collect_slices import collect_in_slices
from otel_clinical.sdk._ended_span import SpanQueue
from otel_clinical.sdk._fork import count_from_zero, fresh_connections, renew_after_fork, say_when_forks_go_unseen
from otel_clinical.sdk._logs import RedactingLogExporter
from otel_clinical.sdk._metrics import CARDINALITY, RedactingMetricExporter, RedactingPrometheusReader
from otel_clinical.sdk._origin import redact_resource
from otel_clinical.sdk._own_noise import MAX_VALUE_LENGTH, LogProcessor, quiet_cuts
from otel_clinical.sdk._settings import ConfigurationError
from otel_clinical.sdk._spans import RedactingSpanExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.metrics.view import View
    from prometheus_client import CollectorRegistry

    from otel_clinical.sdk._audience import Audience
    from otel_clinical.sdk._exporters import Exporters
    from otel_clinical.sdk._settings import Settings

BATCH: Final = 512


class Providers:
    """The tracer, meter and logger provider of one set-up.

    They do not shut down at exit by themselves: a dead receiver would then hold the process up for its whole timeout.

    Args:
        settings: What `configure` was asked for.
        exporters: Where each signal goes after redaction.
        audience: Counts what the redaction withholds and knows the declared values.
        registry: Collectors of the Prometheus page; None when there is no page.
        views: Of other libraries' instruments.
    """

    def __init__(
        self,
        settings: Settings,
        exporters: Exporters,
        audience: Audience,
        registry: CollectorRegistry | None,
        views: Sequence[View] = (),
    ) -> None:
        resource = _resource(settings)
        readers = list(_readers(settings, exporters, audience, registry))
        self.meter = MeterProvider(readers, resource=resource, shutdown_on_exit=False, views=views)
        say_when_forks_go_unseen()
        quiet_cuts()
        renew_after_fork(self.meter, count_from_zero)
        for exporter in filter(None, (exporters.spans, exporters.events, exporters.metrics)):
            renew_after_fork(exporter, fresh_connections)
        self.tracer = _tracer_provider(settings, exporters, audience, resource)
        self.logger = _logger_provider(settings, exporters, audience, resource)

    def telemetry(self) -> Telemetry:
        """Return telemetry that goes to these providers and not to the global ones."""
        return Telemetry(tracer_provider=self.tracer, meter_provider=self.meter, logger_provider=self.logger)

    def make_global(self) -> None:
        """Make these the providers that decorators and other libraries use."""
        trace.set_tracer_provider(self.tracer)
        metrics.set_meter_provider(self.meter)
        _logs.set_logger_provider(self.logger)


def refuse_second_setup() -> None:
    """Make sure that no global provider is set, because the API keeps the first and ignores the second.

    Raises:
        ConfigurationError: one is set.
    """
    found = {
        "tracer": isinstance(trace.get_tracer_provider(), TracerProvider),
        "meter": isinstance(metrics.get_meter_provider(), MeterProvider),
        "logger": isinstance(_logs.get_logger_provider(), LoggerProvider),
    }
    taken = ", ".join(name for name, is_set in found.items() if is_set)
    if taken:
        raise ConfigurationError(
            f"the global {taken} provider is already set: call configure once, before other set-up, or with "
            "set_global=False"
        )


def _resource(settings: Settings) -> Resource:
    wanted = {
        "service.name": settings.service,
        "service.version": settings.version,
        "deployment.environment.name": settings.environment,
    }
    return redact_resource(Resource.create({key: value for key, value in wanted.items() if value}))


def _tracer_provider(
    settings: Settings, exporters: Exporters, audience: Audience, resource: Resource
) -> TracerProvider:
    limits = SpanLimits(max_attribute_length=MAX_VALUE_LENGTH)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, span_limits=limits)
    if exporters.spans is not None:
        provider.add_span_processor(
            SpanQueue(
                RedactingSpanExporter(exporters.spans, audience, audience),
                max_queue_size=settings.queue_size,
                schedule_delay_millis=settings.schedule_delay * 1000,
                max_export_batch_size=min(BATCH, settings.queue_size),
            )
        )
    return provider


def _logger_provider(
    settings: Settings, exporters: Exporters, audience: Audience, resource: Resource
) -> LoggerProvider:
    limits = LogRecordLimits(max_attribute_length=MAX_VALUE_LENGTH)
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False, log_record_limits=limits)
    if exporters.events is not None:
        provider.add_log_record_processor(
            LogProcessor(
                RedactingLogExporter(exporters.events, audience, audience),
                max_queue_size=settings.queue_size,
                schedule_delay_millis=settings.schedule_delay * 1000,
                max_export_batch_size=min(BATCH, settings.queue_size),
            )
        )
    return provider


def _readers(
    settings: Settings, exporters: Exporters, audience: Audience, registry: CollectorRegistry | None
) -> list[MetricReader]:
    readers: list[MetricReader] = []
    if registry is not None:
        readers.append(RedactingPrometheusReader(registry, audience, audience))
    if exporters.metrics is not None:
        exporter = RedactingMetricExporter(exporters.metrics, audience, audience)
        interval = settings.metric_interval * 1000
        readers.append(PeriodicExportingMetricReader(exporter, interval, cardinality_limits=CARDINALITY))
    for reader in readers:
        collect_in_slices(reader)
    return readers
