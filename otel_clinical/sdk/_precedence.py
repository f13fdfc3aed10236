"""Decide what counts when several say something: the code, then the environment, then the default."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import OTELResourceDetector

from otel_clinical.sdk._settings import GRPC, HTTP, ConfigurationError, Settings, parse_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

FROM_ENVIRONMENT: Final = "environment"
"""Value of the argument `metrics` that leaves the matter to `OTEL_CLINICAL_METRICS`."""

POLICY: Final = "OTEL_CLINICAL_POLICY"
METRICS: Final = "OTEL_CLINICAL_METRICS"
METRIC_INTERVAL: Final = ("OTEL_METRIC_EXPORT_INTERVAL", 0.001, 15.0)
_NUMBERS: Final[Mapping[str, tuple[str, float, float]]] = {
    "receipt_max_age": ("OTEL_CLINICAL_RECEIPT_MAX_DAYS", 86_400.0, 365 * 86_400.0),
    "schedule_delay": ("OTEL_BSP_SCHEDULE_DELAY", 0.001, 1.0),
    "metric_interval": METRIC_INTERVAL,
    "timeout": ("OTEL_EXPORTER_OTLP_TIMEOUT", 1.0, 10.0),
    "queue_size": ("OTEL_BSP_MAX_QUEUE_SIZE", 1.0, 8192),
}
"""Variable, what one of it is in our unit, and the default in our unit."""


def resolve(given: Mapping[str, Any]) -> Settings:
    """Return settings made of what the code says and, where it says None, of the environment and the defaults.

    Args:
        given: Value by field of `Settings`, with `metrics` in place of the two fields that follow from it.

    Raises:
        ConfigurationError: a value or a variable makes no sense; the text names it.
    """
    page, push = parse_metrics(metrics_of(given["metrics"]))
    numbers = {name: read_number(*_NUMBERS[name]) if given[name] is None else given[name] for name in _NUMBERS}
    found = {name: value for name, value in given.items() if name != "metrics"}
    return Settings(
        **{
            **found,
            **numbers,
            "queue_size": _whole("queue_size", numbers["queue_size"]),
            "service": given["service"] or service_of_environment(),
            "policy": given["policy"] or policy_of_environment(),
            "protocol": given["protocol"] or protocol_of_environment(),
            "disabled": os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
            "page": page,
            "push_metrics": push,
        }
    )


def metrics_of(given: str | None) -> str | None:
    """Return where metrics go: as given, or as the environment says."""
    if given != FROM_ENVIRONMENT:
        return given
    found = os.environ.get(METRICS, "").strip() or "otlp"
    return None if found == "none" else found


def policy_of_environment() -> Path | None:
    """Return the policy file that the environment names."""
    found = os.environ.get(POLICY, "").strip()
    return Path(found) if found else None


def service_of_environment() -> str:
    """Return the name of the service from `OTEL_SERVICE_NAME`, or from `OTEL_RESOURCE_ATTRIBUTES`.

    Raises:
        ConfigurationError: neither names it.
    """
    found = OTELResourceDetector().detect().attributes.get("service.name")
    if not isinstance(found, str) or not found:
        raise ConfigurationError("service is not given: configure(service=...) or OTEL_SERVICE_NAME must name it")
    return found


def protocol_of_environment(signal: str = "") -> str:
    """Return the protocol as the environment says, by default OTLP/HTTP; `signal` is TRACES, LOGS or METRICS.

    Raises:
        ConfigurationError: it is a protocol that we do not speak.
    """
    names = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL",) if signal else ()
    for name in (*names, "OTEL_EXPORTER_OTLP_PROTOCOL"):
        found = os.environ.get(name, "").strip()
        if found:
            if found not in {HTTP, GRPC}:
                raise ConfigurationError(f"{name} is {found!r}, expected {HTTP!r} or {GRPC!r}")
            return found
    return HTTP


def read_number(variable: str, factor: float, default: float) -> float:
    """Return a number of the environment in our unit.

    Args:
        variable: Name of the variable; empty means not set.
        factor: What one of it is in our unit, such as 0.001 for milliseconds.
        default: In our unit.

    Raises:
        ConfigurationError: it is no number greater than 0.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        found = float(text) * factor
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ConfigurationError(f"{variable} is {text!r}, expected a number greater than 0")
    return found


def _whole(name: str, value: float) -> int:
    if not math.isfinite(value) or int(value) != value:
        raise ConfigurationError(f"{name} is {value!r}, expected a whole number")
    return int(value)
