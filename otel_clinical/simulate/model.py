"""Two versions of a coding model, plain functions of an encounter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_clinical.simulate.population import DEPARTMENTS

if TYPE_CHECKING:
    from otel_clinical.simulate.population import Encounter

_INCOMPLETE_DOUBT: Final = 0.15


@dataclass(frozen=True, slots=True)
class Coding:
    """A proposed billing code, and how sure the model is, in [0, 1]."""

    code: str
    probability: float


def code_v7(encounter: Encounter) -> Coding:
    """Propose a code; sure where the department is easy and the record is clear."""
    return Coding(_code(encounter, "A"), _sureness(encounter))


def code_v8(encounter: Encounter) -> Coding:
    """Propose a code as the retrained model does: as sure as before, and wrong more often."""
    return Coding(_code(encounter, "B"), _sureness(encounter))


def _code(encounter: Encounter, branch: str) -> str:
    return f"{encounter.principal_diagnosis or 'R69'}/{branch}"


def _sureness(encounter: Encounter) -> float:
    base = DEPARTMENTS[encounter.department].accuracy - 0.25 + 0.35 * encounter.clarity
    return round(min(max(base - (0.0 if encounter.complete else _INCOMPLETE_DOUBT), 0.0), 0.99), 3)


def code_by_rules(encounter: Encounter) -> Coding:
    """Propose a code where no model may: a fixed table, unsure by construction, for a coder to complete."""
    return Coding(_code(encounter, "R"), 0.5)
