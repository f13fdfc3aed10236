"""The policy's JSON Schema, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from otel_clinical.policy._schema import Policy


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a policy file."""
    schema = Policy.model_json_schema(by_alias=True)
    # Authors keep their anchors under top-level x- keys.
    schema["patternProperties"] = {"^x-": {}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "otel-clinical policy",
    }
