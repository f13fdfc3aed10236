"""Put the coding model behind a router and decorate it: all that a hospital's service has to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical import ModelRouter, OperationName, QualityProfile, UseCase, current_inference, inference
from otel_clinical.simulate.model import code_by_rules, code_v7, code_v8
from otel_clinical.simulate.population import MODEL, SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otel_clinical import Receipt
    from otel_clinical.simulate.model import Coding
    from otel_clinical.simulate.population import Encounter

PROFILE: Final = QualityProfile(
    required=("age", "principal_diagnosis", "discharge_disposition", "length_of_stay"),
    ranges={"age": (0, 120), "length_of_stay": (0, 365)},
    flag_below=0.9,
    fallback_below=0.7,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service hands to the billing system: the proposed code, and the receipt to store beside it.

    Where the rules answered in place of the model there is no receipt: no outcome is to be charged to the model.
    """

    coding: Coding
    receipt: Receipt | None = None


def decorated_coder(pointer: Path) -> Callable[[Encounter], Answer]:
    """Return the coding model, routed by the release pointer and observed."""
    router = ModelRouter(MODEL, pointer=pointer, versions={"7": code_v7, "8": code_v8}, use_case=UseCase.REVENUE_CYCLE)

    @inference(
        model=MODEL,
        router=router,
        use_case=UseCase.REVENUE_CYCLE,
        operation=OperationName.CLASSIFY,
        segments={name: name for name in SEGMENTS},
        quality=PROFILE,
        fallback=_answer_by_rules,
    )
    def code(encounter: Encounter) -> Answer:
        coding: Coding = router(encounter)
        current_inference().set_confidence(coding.probability)
        return Answer(coding, current_inference().receipt)

    return code


def _answer_by_rules(encounter: Encounter) -> Answer:
    return Answer(code_by_rules(encounter))
