"""The stages between the first bad inference and the previous version, as differences of moments that were seen."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from benchmarks._rows import Row, row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GOAL: Final = 20.0
CONFIRMED: Final = 5.0
PLUMBING: Final = ("scrape", "rule evaluation", "for")
"""Stages that are Prometheus' alone: their limits are its scrape and evaluation intervals and the rule's `for`."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Moments of one bad release in Unix seconds, in the order in which they come.

    Attributes:
        first: First inference of the bad version, in any service.
        counted: The processor shows its first outcomes.
        proved: The processor shows all that the rollback rule asks for, in the place that was acted on.
        scraped: Prometheus holds it.
        active: The rule is true.
        firing: It was for as long as its `for`.
        heard: The controller takes it up.
        decided: All guards have passed, at both looks.
        switched: The pointer names the previous version.
        served: The previous version answers in every service.
    """

    first: float
    counted: float
    proved: float
    scraped: float
    active: float
    firing: float
    heard: float
    decided: float
    switched: float
    served: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What each stage may take by its settings alone, in seconds; statistics and programs come on top.

    Attributes:
        maturity: Until an outcome counts.
        export: Between two exports of a service.
        slot: Length of a slot plus how long it waits for late records.
        proof: For the fewest labels that the tier asks for, at the rate of the system.
        interval: Between two scrapes, and between two evaluations.
        hold: The rule's `for`.
        retry: Between the controller's two looks.
    """

    maturity: float
    export: float
    slot: float
    proof: float
    interval: float
    hold: float
    retry: float

    @property
    def stages(self) -> dict[str, float]:
        """Return the limit of each stage in order; a `for` is only looked at when a rule is evaluated."""
        return {
            "first outcomes counted (maturity, export, slot)": self.maturity + self.export + self.slot,
            "proved (labels of the tier)": self.proof + self.slot,
            "scrape": self.interval,
            "rule evaluation": self.interval,
            "for": self.hold + self.interval if self.hold else 0.0,
            "Alertmanager and webhook (group wait 0)": self.interval,
            "two looks, all guards": self.retry + self.interval,
            "pointer": 0.25,
            "routers of every service": 1.0,
        }


def shares(marks: Marks) -> tuple[float, ...]:
    """Return what each stage took, in the order of `Limits.stages`.

    Raises:
        ValueError: A moment lies before the one that must come first.
    """
    moments = [(field.name, getattr(marks, field.name)) for field in fields(marks)]
    for (one, at), (other, then) in itertools.pairwise(moments):
        if then < at:
            raise ValueError(f"{other} was seen {at - then:.3f} s before {one}, which comes first: {marks}")
    return tuple(then - at for (_, at), (_, then) in itertools.pairwise(moments))


def rows(runs: Sequence[Marks], limits: Limits) -> Iterator[Row]:
    """Say what the stages of the slowest run took beside their limits, and what all runs took."""
    slowest = max(runs, key=_whole)
    found = dict(zip(limits.stages, shares(slowest), strict=True))
    for stage, limit in limits.stages.items():
        yield row(f"s in {stage} / its limit", found[stage], limit or found[stage] or 1.0)
    plumbing = sum(limits.stages[stage] for stage in PLUMBING)
    yield row("s in scrape + evaluation + for / their limit", sum(found[stage] for stage in PLUMBING), plumbing)
    yield row("s from webhook to pointer / 5", slowest.switched - slowest.heard, CONFIRMED, "<= 1")
    whole = sorted(map(_whole, runs))
    words = f"s from first bad inference to previous version, {len(runs)} times"
    yield row(f"{words}, median / 20", whole[len(whole) // 2], GOAL)
    yield row(f"{words}, slowest / 20", whole[-1], GOAL, "<= 1")


def _whole(marks: Marks) -> float:
    return marks.served - marks.first
