"""Decorate the coding model as a hospital would, and let nature judge its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical import (
    ModelRouter,
    QualityProfile,
    inference,
)
from otel_clinical.semconv.enums import (
    OperationName,
    UseCase,
)
from otel_clinical.simulate.model import code_by_rules, code_v7, code_v8
from otel_clinical.simulate.population import MODEL, SEGMENTS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from otel_clinical.simulate._labels import LateTruth
    from otel_clinical.simulate.model import Coding
    from otel_clinical.simulate.population import Encounter
    from otel_clinical.simulate.truth import TruthFile

PROFILE: Final = QualityProfile(
    required=("age", "principal_diagnosis", "discharge_disposition", "length_of_stay"),
    ranges={"age": (0, 120), "length_of_stay": (0, 365)},
    flag_below=0.9,
    fallback_below=0.7,
)
# Reviews on the standard route are a sample; on the assisted route a coder sees every proposal.
_SAMPLED_REVIEWS: Final = 0.10
_REVIEWER_NOTICES: Final = 0.95


def decorated_coder(pointer: Path) -> Callable[[Encounter], Coding]:
    """Return the coding model behind its router, observed: this is all a service has to write."""
    router = ModelRouter(MODEL, pointer=pointer, versions={"7": code_v7, "8": code_v8}, fallback=code_by_rules)

    @inference(
        model=MODEL,
        router=router,
        use_case=UseCase.REVENUE_CYCLE,
        operation=OperationName.CLASSIFY,
        segments={name: name for name in SEGMENTS},
        confidence="probability",
        quality=PROFILE,
    )
    def code(encounter: Encounter) -> Coding:
        return router(encounter)

    return code


class Practice:
    """Send encounters through the model, and tell later what came of them."""

    def __init__(
        self, code: Callable[[Encounter], Coding], truth: TruthFile, late: LateTruth, rng: random.Random
    ) -> None:
        self._code = code
        self._truth = truth
        self._late = late
        self._rng = rng
