"""Check what `configure` was given, before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from otel_clinical.sdk._rules import safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOOPBACK: Final = "127.0.0.1"
HTTP: Final = "http/protobuf"
GRPC: Final = "grpc"
_WHERE_METRICS_GO: Final = "otlp, prometheus:PORT, prometheus:HOST:PORT or none."
_LOCAL_HOSTS = frozenset({LOOPBACK, "localhost", "::1"})
_MAX_PORT = 65535


class ConfigurationError(ValueError):
    """An argument of `configure` makes no sense; the text names it, its value and what was expected."""


@dataclass(frozen=True, slots=True)
class PrometheusPage:
    """Where Prometheus scrapes this process; port 0 takes a free one."""

    host: str
    port: int


def _setting(variable: str, default: str, meaning: str, *, shown: bool = True) -> Any:
    """Declare a field and where its value comes from when code does not say."""
    return field(repr=shown, metadata={"variable": variable, "default": default, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything `configure` was asked for, checked; the metadata of a field names its environment variable."""

    service: str = _setting("OTEL_SERVICE_NAME", "must be given", "Name of the service.")
    version: str = _setting("service.version in OTEL_RESOURCE_ATTRIBUTES", "", "Version of the service.")
    environment: str = _setting(
        "deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES", "", "Deployment environment, such as production."
    )
    policy: Path | None = _setting(  # noqa: RUF009 -- returns a field
        "OTEL_CLINICAL_POLICY", "", "Policy file: declares segment values, and its versions start at zero."
    )
    receipt_keys: Mapping[str, bytes] | None = _setting(
        "OTEL_CLINICAL_RECEIPT_KEYS", "unsigned", "Keys that sign receipts: name:hex,name:hex.", shown=False
    )
    receipt_max_age: float = _setting(
        "OTEL_CLINICAL_RECEIPT_MAX_DAYS",
        "365 d",
        "Age from which a receipt is refused; raise it where truth takes longer. The argument is in seconds.",
    )
    endpoint: str | None = _setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318", "Base URL of the receiver; a signal may have its own."
    )
    protocol: str = _setting("OTEL_EXPORTER_OTLP_PROTOCOL", HTTP, f"{HTTP} or {GRPC}.")
    headers: Mapping[str, str] = _setting(
        "OTEL_EXPORTER_OTLP_HEADERS", "", "Headers of every export, such as a token.", shown=False
    )
    page: PrometheusPage | None = _setting(  # noqa: RUF009 -- returns a field
        "OTEL_CLINICAL_METRICS", "", _WHERE_METRICS_GO
    )
    push_metrics: bool = _setting("OTEL_CLINICAL_METRICS", "otlp", _WHERE_METRICS_GO)
    schedule_delay: float = _setting(
        "OTEL_BSP_SCHEDULE_DELAY", "1000 ms", "Longest wait of a span or event before export."
    )
    metric_interval: float = _setting("OTEL_METRIC_EXPORT_INTERVAL", "15000 ms", "Time between exports of metrics.")
    timeout: float = _setting("OTEL_EXPORTER_OTLP_TIMEOUT", "10 s", "Time that one export may take, retries included.")
    queue_size: int = _setting(
        "OTEL_BSP_MAX_QUEUE_SIZE", "8192", "Spans, and events, that may wait for export; more are dropped."
    )
    disabled: bool = _setting("OTEL_SDK_DISABLED", "false", "true records nothing and exports nothing.")

    def __post_init__(self) -> None:
        for name in ("service", "version", "environment"):
            _check_name(name, getattr(self, name), required=name == "service")
        for name in ("receipt_max_age", "schedule_delay", "metric_interval", "timeout", "queue_size"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigurationError(f"{name} is {value!r}, expected a number greater than 0")
        if self.protocol not in {HTTP, GRPC}:
            raise ConfigurationError(f"protocol is {self.protocol!r}, expected {HTTP!r} or {GRPC!r}")
        _check_endpoint(self.endpoint, self.headers)

    def url(self, signal: str) -> str | None:
        """Return the URL of a signal: traces, logs or metrics."""
        return f"{self.endpoint.rstrip('/')}/v1/{signal}" if self.endpoint is not None else None


def parse_metrics(text: str | None) -> tuple[PrometheusPage | None, bool]:
    """Return where to expose metrics and whether to push them.

    >>> parse_metrics("prometheus:9464")
    (PrometheusPage(host='127.0.0.1', port=9464), False)
    >>> parse_metrics("otlp")
    (None, True)

    Raises:
        ConfigurationError: the text is none of the forms.
    """
    if text is None or text == "none":
        return None, False
    if text == "otlp":
        return None, True
    kind, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    if kind != "prometheus" or not port.isdecimal() or int(port) > _MAX_PORT:
        raise ConfigurationError(
            f"metrics is {text!r}, expected 'otlp', 'prometheus:PORT', 'prometheus:HOST:PORT' or 'none'"
        )
    return PrometheusPage(host.strip("[]") or LOOPBACK, int(port)), False


def _check_name(name: str, value: str, *, required: bool) -> None:
    if (required and not value) or (value and safe_text(value) is None):
        raise ConfigurationError(f"{name} is {value!r}, expected letters, digits or any of _ . : / + - and no spaces")


def _check_endpoint(endpoint: str | None, headers: Mapping[str, str]) -> None:
    if endpoint is None:
        return
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"endpoint is {endpoint!r}, expected a base URL such as https://collector:4318")
    if "v1/" in parts.path:
        raise ConfigurationError(f"endpoint is {endpoint!r}, expected the base URL without /v1/traces")
    secret = any(name.lower() == "authorization" for name in headers)
    if secret and parts.scheme == "http" and parts.hostname not in _LOCAL_HOSTS:
        raise ConfigurationError(f"endpoint is {endpoint!r}: a token would travel in clear text; use https://")
