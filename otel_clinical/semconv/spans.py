"""Span types, one constant each, and what they carry in ``DEFINITIONS``."""

from otel_clinical.semconv._generated.spans import *  # noqa: F403
