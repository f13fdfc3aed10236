"""Set OpenTelemetry up for a service that uses clinical AI."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from otel_clinical._spelling import spelled
from otel_clinical.instrument import configure_receipts, default_telemetry
from otel_clinical.instrument._receipt_keys import current_keys
from otel_clinical.sdk._audience import Audience
from otel_clinical.sdk._bulk import BulkWriter
from otel_clinical.sdk._exporters import Exporters, otlp_exporters
from otel_clinical.sdk._handle import Handle
from otel_clinical.sdk._otlp import grpc_exporters
from otel_clinical.sdk._page import Page, SerialRegistry
from otel_clinical.sdk._policy import apply_policy, read_policy
from otel_clinical.sdk._precedence import FROM_ENVIRONMENT, resolve
from otel_clinical.sdk._providers import Providers, refuse_second_setup
from otel_clinical.sdk._self_test import self_test
from otel_clinical.sdk._settings import GRPC
from otel_clinical.sdk._views import refuse_views_of_ours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.metrics.view import View

    from otel_clinical.policy import Policy
    from otel_clinical.sdk._settings import Settings

_log = logging.getLogger(__name__)


@spelled
def configure(
    service: str | None = None,
    *,
    policy: Policy | Path | str | None = None,
    endpoint: str | None = None,
    protocol: str | None = None,
    metrics: str | None = FROM_ENVIRONMENT,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    receipt_keys: Mapping[str, bytes] | None = None,
    active_receipt_key: str | None = None,
    receipt_max_age: float | None = None,
    version: str = "",
    environment: str = "",
    schedule_delay: float | None = None,
    metric_interval: float | None = None,
    timeout: float | None = None,
    queue_size: int | None = None,
    views: Sequence[View] = (),
    exporters: Exporters | None = None,
    set_global: bool = True,
) -> Handle:
    """Set up providers that export only what the registry admits, whatever library recorded it.

    What is not given comes from the environment and else from the defaults in docs/settings.md. Before the first export
    a marker is sent through the redaction; if it comes out again, nothing is exported and the handle's `problem` says
    so.

    Args:
        service: Name of the service; by default `OTEL_SERVICE_NAME`.
        policy: The policy, or its file: its segment values become the declared ones and its versions start at zero.
            By default the file that `OTEL_CLINICAL_POLICY` names.
        endpoint: Base URL of the receiver, such as ``https://collector:4318``; by default
            `OTEL_EXPORTER_OTLP_ENDPOINT`, and else port 4318 of this host (4317 with gRPC).
        protocol: ``"http/protobuf"`` or ``"grpc"``; by default `OTEL_EXPORTER_OTLP_PROTOCOL`, and else HTTP.
        metrics: ``"otlp"`` exports metrics, ``"prometheus:PORT"`` exposes them to a scraper on the loopback address,
            ``"prometheus:HOST:PORT"`` on another; None records none. ``"environment"`` takes what
            `OTEL_CLINICAL_METRICS` says, and else ``"otlp"``.
        token: Bearer token for the receiver; refused with an ``http://`` endpoint on another host.
        headers: Further headers of every export.
        receipt_keys: Keys that sign and verify receipts, by name; see `configure_receipts`. By default those of
            `OTEL_CLINICAL_RECEIPT_KEYS`.
        active_receipt_key: Name of the key that signs; the first one by default.
        receipt_max_age: Age from which receipts are refused, in seconds; 365 days by default.
        version: Version of the service.
        environment: Deployment environment, such as ``production``.
        schedule_delay: Longest wait of a span or event before export, in seconds; 1 by default.
        metric_interval: Time between exports of metrics, in seconds; 15 by default.
        timeout: Time that one export may take, retries included, in seconds; 10 by default.
        queue_size: Spans, and events, that may wait for export; more are dropped. 8192 by default.
        views: Views of other libraries' instruments, each naming its instruments or its meter: their buckets,
            attributes or limits. One that reaches ours is refused, because rules and dashboards read them as they are.
        exporters: Exporters to use instead of OTLP; they receive reduced signals only.
        set_global: Make the providers the global ones, which decorators and other libraries use.

    Returns:
        A handle that flushes and shuts down; it is also a context manager, and shuts down at exit by itself.

    Raises:
        ConfigurationError: an argument makes no sense, or the global providers are already set.
        PolicyErrors: the policy file has mistakes.
        OSError: the port for Prometheus is taken.
    """
    settings = resolve(
        {
            "service": service,
            "version": version,
            "environment": environment,
            "policy": Path(policy) if isinstance(policy, str | Path) else None,
            "receipt_keys": receipt_keys,
            "receipt_max_age": receipt_max_age,
            "endpoint": endpoint,
            "protocol": protocol,
            "headers": _headers(headers, token),
            "metrics": metrics,
            "schedule_delay": schedule_delay,
            "metric_interval": metric_interval,
            "timeout": timeout,
            "queue_size": queue_size,
        }
    )
    refuse_views_of_ours(views)
    found = read_policy(settings.policy) if policy is None or isinstance(policy, str | Path) else policy
    if set_global:
        refuse_second_setup()
    if receipt_keys is not None or receipt_max_age is not None:
        keys = current_keys().keys if receipt_keys is None else receipt_keys
        configure_receipts(keys, active_receipt_key, settings.receipt_max_age)
    return _start(settings, found, exporters, views, set_global=set_global)


def _start(
    settings: Settings,
    policy: Policy | None,
    exporters: Exporters | None,
    views: Sequence[View],
    *,
    set_global: bool,
) -> Handle:
    audience = Audience()
    problem = _problem(settings, audience)
    out = Exporters() if problem is not None else (exporters or _exporters(settings))
    registry = SerialRegistry()
    page = Page(settings.page, registry) if settings.page is not None and problem is None else None
    providers = Providers(settings, out, audience, registry if page is not None else None, views)
    telemetry = default_telemetry() if set_global else providers.telemetry()
    audience.listen(telemetry)
    telemetry.bulk = BulkWriter()
    handle = Handle(providers=providers, telemetry=telemetry, exporters=out, page=page, problem=problem)
    try:
        if set_global:
            providers.make_global()
        if policy is not None:
            apply_policy(policy, telemetry)
    except BaseException:
        handle.shutdown()
        raise
    return handle


def _problem(settings: Settings, audience: Audience) -> str | None:
    """Return why nothing may be exported, after saying it; None when all is well."""
    if settings.disabled:
        _log.info("OTEL_SDK_DISABLED is true: nothing is recorded, nothing is exported")
        return "OTEL_SDK_DISABLED is true"
    problem = self_test(audience)
    if problem is not None:
        _log.error("%s: nothing is exported; update otel-clinical or pin the OpenTelemetry SDK", problem)
    return problem


def _exporters(settings: Settings) -> Exporters:
    return grpc_exporters(settings) if settings.protocol == GRPC else otlp_exporters(settings)


def _headers(headers: Mapping[str, str] | None, token: str | None) -> dict[str, str]:
    found = dict(headers or {})
    if token is not None:
        found["authorization"] = f"Bearer {token}"
    return found
