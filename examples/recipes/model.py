"""The model of all recipes: one decorated function, the same whatever serves it."""

from __future__ import annotations

import os
from typing import Any

from otel_clinical import ModelRouter, current_inference, declare_segments, inference

declare_segments({"payer": ["medicaid", "medicare", "commercial"]})  # a policy given to configure does it too


def version_7(encounter: dict[str, Any]) -> dict[str, Any]:
    """Stand for your model; the next version is a function of its own."""
    return {"code": "J10.1" if "flu" in encounter.get("note", "") else "Z00.0", "probability": 0.93}


def ask_a_coder(_encounter: dict[str, Any]) -> dict[str, Any]:
    """Answer on the manual route, and as long as no version is activated: the model is not asked."""
    return {"code": None, "receipt": current_inference().receipt.dumps()}


router = ModelRouter(
    "coding",
    pointer=os.environ.get("CODING_POINTER", "coding.json"),  # the policy's rollback.target
    versions={"7": version_7},
    fallback=ask_a_coder,
)


@inference(model="coding", router=router, segments={"payer": "payer"}, confidence="probability")
def suggest_code(encounter: dict[str, Any]) -> dict[str, Any]:
    """Return a code with its probability, and the receipt to hand back with the truth."""
    return router(encounter) | {"receipt": current_inference().receipt.dumps()}
