"""What the registry defines. Written by `otel-clinical generate semconv`; do not edit."""

from __future__ import annotations

from typing import Final

__all__ = [
    "SCHEMA_URL",
]

SCHEMA_URL: Final = "https://otel-clinical.example/schemas/clinical-ai/0.1.0"
