"""What the doctor is asked to look at: options first, then the environment that the service would read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from otel_clinical.sdk import ConfigurationError
from otel_clinical.sdk._precedence import metrics_of, policy_of_environment, protocol_of_environment
from otel_clinical.sdk._settings import GRPC

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNALS: Final = ("traces", "logs", "metrics")
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class OptionsError(ValueError):
    """An option or a variable makes no sense, so that nothing could be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to look at.

    Attributes:
        endpoints: URL of the receiver by signal; over gRPC they have no path.
        grpc: Whether the receiver is spoken to by gRPC.
        headers: Headers of every export, which may hold a token.
        ca_file: Certificate authority of the receiver; None trusts those of the system.
        metrics_pushed: Whether metrics are sent to the receiver at all.
        policy: Policy file; None when there is none.
        prometheus: Base URL of Prometheus; None when it is not looked at.
        timeout: Longest wait for one answer, in seconds.
    """

    endpoints: Mapping[str, str]
    grpc: bool
    headers: Mapping[str, str] = field(repr=False)
    ca_file: Path | None = None
    metrics_pushed: bool = True
    policy: Path | None = None
    prometheus: str | None = None
    timeout: float = 5.0

    @property
    def token_in_clear(self) -> bool:
        """Tell whether a token would travel in clear text to another host."""
        secret = any(name.lower() == "authorization" for name in self.headers)
        parts = [urlsplit(url) for url in self.endpoints.values()]
        return secret and any(part.scheme == "http" and part.hostname not in _LOCAL for part in parts)


def options_of(
    *,
    endpoint: str | None = None,
    protocol: str | None = None,
    token: str | None = None,
    ca_file: Path | None = None,
    policy: Path | None = None,
    prometheus: str | None = None,
    timeout: float = 5.0,
) -> Options:
    """Return what to look at, as given and else as the environment says.

    Raises:
        OptionsError: a URL or a variable makes no sense; the text names it.
    """
    try:
        speaks_grpc = (protocol or protocol_of_environment()) == GRPC
        where = metrics_of("environment")
    except ConfigurationError as error:
        raise OptionsError(str(error)) from error
    headers = dict(parse_env_headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""), liberal=True))
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    scraped = "prometheus" in os.environ.get("OTEL_METRICS_EXPORTER", "")
    return Options(
        endpoints={signal: _url(endpoint, signal, speaks_grpc=speaks_grpc) for signal in SIGNALS},
        grpc=speaks_grpc,
        headers=headers,
        ca_file=_authority(ca_file),
        metrics_pushed=where == "otlp" and not scraped,
        policy=policy or policy_of_environment(),
        prometheus=_checked("--prometheus", prometheus).rstrip("/") if prometheus else None,
        timeout=timeout,
    )


def _authority(given: Path | None) -> Path | None:
    name = "--ca-file" if given is not None else "OTEL_EXPORTER_OTLP_CERTIFICATE"
    found = given if given is not None else Path(os.environ.get(name, ""))
    if found == Path():
        return None
    if not found.is_file():
        raise OptionsError(f"{name} is {str(found)!r}: there is no such file")
    return found


def _url(endpoint: str | None, signal: str, *, speaks_grpc: bool) -> str:
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
    if endpoint is None and os.environ.get(own):
        return _checked(own, os.environ[own])
    name = "--endpoint" if endpoint is not None else "OTEL_EXPORTER_OTLP_ENDPOINT"
    default = "http://localhost:4317" if speaks_grpc else "http://localhost:4318"
    base = _checked(name, endpoint or os.environ.get(name) or default)
    return base if speaks_grpc else f"{base.rstrip('/')}/v1/{signal}"


def _checked(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise OptionsError(f"{name} is {url!r}, expected a URL such as http://127.0.0.1:4318")
    return url
