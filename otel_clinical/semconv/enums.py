"""Closed sets of attribute values, one ``StrEnum`` each."""

from otel_clinical.semconv._generated.enums import *  # noqa: F403
