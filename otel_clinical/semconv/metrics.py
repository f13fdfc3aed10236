"""Metrics, one ``MetricDef`` each, and all of them in ``ALL``."""

from otel_clinical.semconv._generated.metrics import *  # noqa: F403
