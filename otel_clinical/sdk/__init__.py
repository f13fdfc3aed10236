"""Set OpenTelemetry up so that only what the registry admits leaves the process.

`configure` is enough for a service. A service with a set-up of its own wraps its exporters in the redacting ones.
"""

from otel_clinical.sdk._configure import configure
from otel_clinical.sdk._exporters import Exporters
from otel_clinical.sdk._handle import Handle
from otel_clinical.sdk._logs import RedactingLogExporter
from otel_clinical.sdk._metrics import RedactingMetricExporter, RedactingPrometheusReader
from otel_clinical.sdk._redacted import redacted
from otel_clinical.sdk._settings import ConfigurationError, Settings
from otel_clinical.sdk._spans import RedactingSpanExporter

__all__ = [
    "ConfigurationError",
    "Exporters",
    "Handle",
    "RedactingLogExporter",
    "RedactingMetricExporter",
    "RedactingPrometheusReader",
    "RedactingSpanExporter",
    "Settings",
    "configure",
    "redacted",
]
