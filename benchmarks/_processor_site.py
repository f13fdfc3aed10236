"""A hospital of any number of segment values: policy and frozen baseline in a folder."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from otel_clinical.policy import BaselineBuilder, load_baseline, load_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.policy import Baseline, Policy

MODEL: Final = "coding"
FORTY: Final = {"site": 12, "department": 8, "payer": 12, "source_system": 8}
SIX: Final = {"site": 10, "department": 8, "payer": 10, "source_system": 4, "specialty": 4, "encounter_type": 4}
"""Forty values too, over as many segments as `THOUSAND` has: an event feeds one stream of each."""
THOUSAND: Final = SIX | {"site": 200, "payer": 200, "source_system": 200, "specialty": 200, "encounter_type": 192}
_ENDING: Final = "-general"
"""Real names are not all of one length, which would be easier to read."""
_EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "policy.yaml"
_OUTCOMES: Final = 24_000
_ACCURACY: Final = 0.9
_FROM: Final = 1_767_225_600.0


def make_site(folder: Path, segments: Mapping[str, int]) -> Path:
    """Write `policy.yaml` and `baseline.json` into `folder`; return the policy's path."""
    document = yaml.safe_load(_EXAMPLE.read_text())
    document["models"][MODEL]["segments"] = {
        name: [f"{name[:3]}{number:03d}{_ENDING[: number % 9]}" for number in range(count)]
        for name, count in segments.items()
    }
    document["models"][MODEL]["versions"] = ["7"]
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    _baseline(load_policy(path, baselines=False)).save(folder / "baseline.json")
    return path


def read_site(path: Path) -> tuple[Policy, Baseline]:
    """Return what `make_site` wrote."""
    return load_policy(path), load_baseline(path.parent / "baseline.json")


def _baseline(policy: Policy) -> Baseline:
    model = policy.models[MODEL]
    draw = random.Random(20_260_101)  # noqa: S311 -- the same every time
    builder = BaselineBuilder.for_model(MODEL, model, version="7")
    for number in range(_OUTCOMES):
        builder.add(
            {name.value: draw.choice(values) for name, values in model.segments.items()},
            float(draw.random() < _ACCURACY),
            confidence=round(min(max(draw.gauss(0.85, 0.1), 0.0), 1.0), 4),
            quality=round(min(max(draw.gauss(0.95, 0.04), 0.0), 1.0), 4),
            at=_FROM + number,
        )
    return builder.build(created_at=_FROM + _OUTCOMES)
