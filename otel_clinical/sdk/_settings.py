"""Check what `configure` was given, before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from otel_clinical.sdk._rules import safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK: Final = "127.0.0.1"
_LOCAL_HOSTS = frozenset({LOOPBACK, "localhost", "::1"})
_MAX_PORT = 65535


class ConfigurationError(ValueError):
    """An argument of `configure` makes no sense; the text names it, its value and what was expected."""


@dataclass(frozen=True, slots=True)
class PrometheusPage:
    """Where Prometheus scrapes this process; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `configure` was asked for, checked.

    Attributes:
        service: Name of the service.
        version: Version of the service; empty when unknown.
        environment: Deployment environment; empty when unknown.
        endpoint: Base URL of an OTLP/HTTP receiver; None leaves it to the environment and to port 4318 of this host.
        headers: Headers of every export, which may hold secrets.
        page: Where to expose metrics; None when they are not exposed.
        push_metrics: Whether to export metrics by OTLP.
        schedule_delay: Longest wait of a span or event before export, in seconds.
        metric_interval: Time between exports of metrics, in seconds.
        timeout: Time that one export may take, retries included, in seconds.
        queue_size: Spans, and events, that may wait for export.
    """

    service: str
    version: str
    environment: str
    endpoint: str | None
    headers: Mapping[str, str] = field(repr=False)
    page: PrometheusPage | None
    push_metrics: bool
    schedule_delay: float
    metric_interval: float
    timeout: float
    queue_size: int

    def __post_init__(self) -> None:
        for name in ("service", "version", "environment"):
            _check_name(name, getattr(self, name), required=name == "service")
        for name in ("schedule_delay", "metric_interval", "timeout", "queue_size"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigurationError(f"{name} is {value!r}, expected a number greater than 0")
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
    if text is None:
        return None, False
    if text == "otlp":
        return None, True
    kind, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    if kind != "prometheus" or not port.isdecimal() or int(port) > _MAX_PORT:
        raise ConfigurationError(
            f"metrics is {text!r}, expected 'otlp', 'prometheus:PORT', 'prometheus:HOST:PORT' or None"
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
