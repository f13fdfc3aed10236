"""Write the policy, the frozen baseline and the first release pointer of a demonstration."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from otel_clinical.policy import BaselineBuilder, load_policy
from otel_clinical.release import ReleasePointer, create_pointer
from otel_clinical.simulate.model import code_v7
from otel_clinical.simulate.population import MODEL, SEGMENTS, Arrivals, Encounter
from otel_clinical.simulate.truth import QUIET

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.features import FeatureSet
    from otel_clinical.policy import Baseline

_DAY: Final = 86_400
_VALIDATION_ENCOUNTERS: Final = 100_000
_SERVING_SINCE: Final = 90 * _DAY


@dataclass(frozen=True, slots=True)
class Load:
    """How much the simulated system does.

    Args:
        rate: Inferences per second of the whole system.
        maturity: Seconds until the truth about an inference is complete.
        labelled: Share of the inferences whose truth ever becomes known.
    """

    rate: float = 150.0
    maturity: float = 2.0
    labelled: float = 0.96

    @property
    def labels_per_day(self) -> int:
        """Return the outcomes per day that the false-alarm budgets are spread over."""
        return round(self.rate * self.labelled * _DAY)


def write_policy(folder: Path, load: Load, seed: int) -> Path:
    """Write ``policy.yaml``, ``baseline.json`` and the release pointer ``coding.json``; return the first's path.

    The baseline is counted from a simulated validation period of version 7; the pointer says that version 7 has
    been serving for 90 days.
    """
    template = Template(files(__package__).joinpath("demo_policy.yaml").read_text())
    policy = folder / "policy.yaml"
    policy.write_text(
        template.substitute(
            model=MODEL,
            maturity=f"{load.maturity:g}",
            per_day=load.labels_per_day,
            segments=json.dumps({name: list(values) for name, values in SEGMENTS.items()}),
        )
    )
    features = load_policy(policy, baselines=False).models[MODEL].feature_set
    validate(seed, features=features).save(folder / "baseline.json")
    now = time.time()
    create_pointer(
        folder / "coding.json",
        ReleasePointer(
            model=MODEL,
            version="7",
            activated_at=now - _SERVING_SINCE,
            previous_version="6",
            updated_at=now - _SERVING_SINCE,
            updated_by="simulate",
        ),
    )
    return policy


def validate(seed: int, encounters: int = _VALIDATION_ENCOUNTERS, *, features: FeatureSet | None = None) -> Baseline:
    """Return the baseline of version 7, counted over ``encounters`` of quiet months before go-live."""
    rng = random.Random(f"validation-{seed}")
    arrivals = Arrivals(rng)
    until = time.time() - _SERVING_SINCE
    builder = BaselineBuilder(MODEL, segments=SEGMENTS, standardise_by="department", version=None, features=features)
    names = [feature.name for feature in features.features] if features is not None else []
    for number in range(encounters):
        encounter = arrivals.draw(QUIET.mix, QUIET.lost_fields)
        right = rng.random() < QUIET.accuracy(encounter, "7")
        at = until - 30 * _DAY * (1 - number / encounters)
        builder.add(
            segments_of(encounter),
            float(right),
            confidence=code_v7(encounter).probability,
            quality=1.0,
            at=at,
            features={name: getattr(encounter, name) for name in names},
        )
    return builder.build(created_at=until)


def segments_of(encounter: Encounter) -> dict[str, str]:
    """Return the declared segments of an encounter."""
    return {name: getattr(encounter, name) for name in SEGMENTS}
