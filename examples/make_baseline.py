"""Write `baseline.json` beside this file: the example model in the year in which it was accepted.

A hospital makes its own from real outcomes with the same `BaselineBuilder`. Here the outcomes are drawn
from declared rates with a fixed seed, so that running the script again gives the same file, byte for byte.
"""

from __future__ import annotations

import random
from pathlib import Path

from otel_clinical.policy import Baseline, BaselineBuilder, load_policy

HERE = Path(__file__).resolve().parent
OUTCOMES = 24_000
ACCURACY = {"cardiology": 0.93, "emergency": 0.88, "medicine": 0.92, "respiratory": 0.84, "surgery": 0.95}
MIX = {"cardiology": 0.22, "emergency": 0.24, "medicine": 0.30, "respiratory": 0.08, "surgery": 0.16}
FIRST, LAST = 1_735_689_600.0, 1_767_225_600.0  # the year 2025


def reference() -> Baseline:
    """Draw the outcomes and count them."""
    model = load_policy(HERE / "policy.yaml", baselines=False).models["coding"]
    draw = random.Random(20260101)
    builder = BaselineBuilder.for_model("coding", model, version="7")
    for index in range(OUTCOMES):
        segments = {name.value: draw.choice(values) for name, values in model.segments.items()}
        segments["department"] = draw.choices(list(MIX), weights=list(MIX.values()))[0]
        correct = draw.random() < ACCURACY[segments["department"]]
        confidence = round(min(max(draw.gauss(0.86 if correct else 0.72, 0.08), 0.0), 1.0), 4)
        quality = round(min(max(draw.gauss(0.95, 0.04), 0.0), 1.0), 4)
        at = FIRST + (LAST - FIRST) * index / OUTCOMES
        builder.add(segments, float(correct), confidence=confidence, quality=quality, at=at)
    return builder.build(created_at=LAST)


if __name__ == "__main__":
    reference().save(HERE / "baseline.json")
