"""The model of all recipes: one decorated function, the same whatever serves it."""

from __future__ import annotations

from typing import Any

from otel_clinical import current_inference, declare_segments, inference

declare_segments({"payer": ["medicaid", "medicare", "commercial"]})  # a policy given to configure does it too


@inference(model="coding", version="7", segments={"payer": "payer"}, confidence="probability")
def suggest_code(encounter: dict[str, Any]) -> dict[str, Any]:
    """Return a code with its probability, and the receipt to hand back with the truth."""
    answer = {"code": "J10.1" if "flu" in encounter.get("note", "") else "Z00.0", "probability": 0.93}
    return answer | {"receipt": current_inference().receipt.dumps()}
