"""Describe the simulated hospital system: 12 hospitals, 4 EHR systems, 6 payers, 5 departments."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

MODEL: Final = "coding"


@dataclass(frozen=True, slots=True)
class Department:
    """A department: its share of the encounters, and how often the model codes its encounters rightly."""

    share: float
    accuracy: float


# Respiratory encounters are harder to code (combination codes, laterality of effusions), in any month.
DEPARTMENTS: Final[Mapping[str, Department]] = MappingProxyType(
    {
        "cardiology": Department(share=0.22, accuracy=0.93),
        "general_medicine": Department(share=0.30, accuracy=0.92),
        "oncology": Department(share=0.14, accuracy=0.91),
        "orthopaedics": Department(share=0.22, accuracy=0.94),
        "pulmonology": Department(share=0.12, accuracy=0.74),
    }
)

PAYERS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "commercial": 0.26,
        "exchange": 0.09,
        "medicaid": 0.25,
        "medicare": 0.26,
        "self_pay": 0.06,
        "tricare": 0.08,
    }
)

# Each hospital keeps its records in one EHR system.
SITES: Final[Mapping[str, str]] = MappingProxyType(
    {f"h{number:02d}": f"ehr-{'abcd'[(number - 1) % 4]}" for number in range(1, 13)}
)
SOURCES: Final = tuple(sorted(set(SITES.values())))

SEGMENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "site": tuple(SITES),
        "department": tuple(DEPARTMENTS),
        "payer": tuple(PAYERS),
        "source_system": SOURCES,
    }
)

NORMAL_MIX: Final[Mapping[str, float]] = MappingProxyType(
    {name: department.share for name, department in DEPARTMENTS.items()}
)


@dataclass(frozen=True, slots=True)
class Encounter:
    """One encounter as the EHR delivers it; a field that was lost is None.

    ``patient_name`` is in every record, as in real life: the demonstration's tests prove that it goes nowhere.
    ``clarity`` in [0, 1] is how clearly the record is documented; it drives the model's confidence.
    """

    patient_name: str
    site: str
    source_system: str
    department: str
    payer: str
    clarity: float
    age: int | None
    principal_diagnosis: str | None
    discharge_disposition: str | None
    length_of_stay: float | None

    @property
    def complete(self) -> bool:
        """Tell whether no required field was lost."""
        return self.principal_diagnosis is not None


class Arrivals:
    """Draw encounters of some hospitals, one at a time, from a seeded source of randomness."""

    def __init__(self, rng: random.Random, sites: tuple[str, ...] = tuple(SITES)) -> None:
        self._rng = rng
        self._sites = sites
        self._payers = tuple(PAYERS)
        self._payer_steps = tuple(accumulate(PAYERS.values()))

    def draw(self, mix: Mapping[str, float], lost_fields: Mapping[str, float]) -> Encounter:
        """Return the next encounter.

        Args:
            mix: Share of each department, in [0, 1], summing to 1.
            lost_fields: Per EHR system, the share of its records that lose required fields.
        """
        rng = self._rng
        site = rng.choice(self._sites)
        source = SITES[site]
        lost = rng.random() < lost_fields.get(source, 0.0)
        return Encounter(
            patient_name=f"Synthetic Patient {rng.randrange(10**6)}",
            site=site,
            source_system=source,
            department=rng.choices(tuple(mix), tuple(mix.values()))[0],
            payer=rng.choices(self._payers, cum_weights=self._payer_steps)[0],
            clarity=rng.betavariate(8, 3),
            age=None if lost else int(rng.triangular(18, 95, 64)),
            principal_diagnosis=None if lost else f"I{rng.randrange(10, 99)}.{rng.randrange(10)}",
            discharge_disposition=None if lost else rng.choice(("home", "transfer", "facility")),
            length_of_stay=round(rng.expovariate(0.25), 1),
        )
