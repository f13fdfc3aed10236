"""Names of events, one constant each, and what they carry in ``DEFINITIONS``."""

from otel_clinical.semconv._generated.events import *  # noqa: F403
