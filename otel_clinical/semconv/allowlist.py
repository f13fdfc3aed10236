"""What may leave the process: a rule for every attribute, in ``ATTRIBUTES`` and ``RESOURCE``."""

from otel_clinical.semconv._generated.allowlist import *  # noqa: F403
