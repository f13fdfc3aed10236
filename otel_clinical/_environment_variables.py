"""Environment variables of a set-up without code, which `opentelemetry-instrument` offers as options."""

OTEL_CLINICAL_POLICY = "OTEL_CLINICAL_POLICY"
"""Policy file: declares segment values, and its versions start at zero."""

OTEL_CLINICAL_RECEIPT_KEYS = "OTEL_CLINICAL_RECEIPT_KEYS"
"""Keys that sign receipts, `name:hex,name:hex`; the first one signs."""

OTEL_CLINICAL_RECEIPT_MAX_DAYS = "OTEL_CLINICAL_RECEIPT_MAX_DAYS"
"""Age in days from which a receipt is refused, 365 by default."""
