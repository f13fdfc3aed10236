"""How often a fleet in which nothing gets worse is told that something did, and what breaks that promise.

Every label of every stream is drawn and bet on, one after the other, as the kernel does it; what is counted is
*proofs*: the evidence of a tier reaching 1. A tier also wants the estimated drop and the minimum of labels, so it
is reached at most as often. Streams are independent here: their number of proofs adds up to the same expectation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks._fleet import GRID, MODELS, YEAR, Stream, designs, fleet_policy, streams
from otel_clinical.drift.kernel._design import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks._spread import Spread
    from otel_clinical.drift.kernel._design import StreamDesign
    from otel_clinical.policy import Policy
    from otel_clinical.semconv.enums import EscalationLevel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PATH_YEARS = 2.0
"""A path begins without evidence, like a version that is put to work, and lasts two years."""
_STEPS = 96
_NIGHT, _WEEKEND, _WINTER = (0.4, 0.6), (2 / 7, 0.4), (0.25, 0.5)
"""Of a day, a week and a year: the share of the time, and by how much the first stratum grows in it."""


@dataclass(frozen=True)
class World:
    """What is not as the proof assumes.

    Attributes:
        name: In the table.
        regime: The error probability is this share higher or lower for 48 labels at a time; the mean is unchanged.
        cluster: Labels of one encounter that all say the same and are all counted.
        noise: Share of labels that say the opposite.
        optimism: By how much the baseline is better than the truth, relative.
    """

    name: str
    regime: float = 0.0
    cluster: int = 1
    noise: float = 0.0
    optimism: float = 0.0


ASSUMED = World("as assumed")
WORLDS = (
    World("errors come in regimes of 48 labels, half as many or half as many again", regime=0.5),
    World("every encounter is labelled twice", cluster=2),
    World("every encounter is labelled three times", cluster=3),
    World("1% of the labels are wrong, 0% in the baseline", noise=0.01),
    World("the baseline is 2% better than the truth", optimism=0.02),
    World("the baseline is 4% better than the truth", optimism=0.04),
)


@dataclass(frozen=True)
class Rate:
    """How often one tier's evidence reached 1 in one world.

    Attributes:
        world: The world.
        level: The tier.
        years: Simulated fleet-years.
        proofs: How often, over all streams.
        promised: How often the policy accepts, per fleet-year.
    """

    world: str
    level: EscalationLevel
    years: float
    proofs: int
    promised: float

    @property
    def accepted(self) -> float:
        """How many proofs the policy accepts in the simulated time."""
        return self.years * self.promised


def rates(
    policy: Policy, world: World, years: float, spread: Spread, *, models: int = MODELS, tasks: int = 20
) -> list[Rate]:
    """Simulate `years` fleet-years in `tasks` parts, each with a baseline of its own luck."""
    fleet = fleet_policy(policy, models)
    replicas = max(round(years / tasks / PATH_YEARS), 1)
    work = partial(_part, fleet, world, replicas)
    proofs = sum(spread(work, range(tasks)), np.zeros(len(LEVELS), np.int64))
    tiers = next(iter(fleet.models.values())).tiers
    simulated = replicas * PATH_YEARS * tasks
    return [
        Rate(world.name, level, simulated, int(proofs[place]), 1.0 / tiers[level].false_alarms.years)
        for place, level in enumerate(LEVELS)
    ]


def _part(fleet: Policy, world: World, replicas: int, seed: int) -> Ints:
    truth = streams(fleet)
    tests = designs(fleet, truth, seed)
    live = [replace(one, errors=1.0 - (1.0 - one.errors) * (1.0 - world.optimism)) for one in truth]
    return walk(np.random.default_rng((7, seed)), live, tests, world, replicas)


def walk(
    rng: np.random.Generator, truth: Sequence[Stream], tests: Sequence[StreamDesign], world: World, replicas: int
) -> Ints:
    """Return the proofs per tier of `replicas` paths of every stream; after a proof its bets begin anew."""
    factors, starts, limits = _factors(tests)
    order = np.argsort([-one.per_year for one in truth], kind="stable")
    which = np.repeat(order, replicas)
    lengths = np.ceil(np.array([one.per_year for one in truth])[which] * PATH_YEARS).astype(int)
    cells, categories = factors.shape[-1], factors.shape[1]
    rows = factors.reshape(-1, cells)
    state, factor = np.zeros((len(which), cells)), np.empty((len(which), cells))
    draw = _Draw(rng, truth, world)
    proofs = np.zeros(len(LEVELS), np.int64)
    for start in range(0, lengths[0], _STEPS):
        active = int(np.searchsorted(-lengths, -start))  # the longest paths come first
        places = which[:active] * categories + draw.categories(which[:active], start)
        now, by, limit = state[:active], factor[:active], limits[which[:active]]
        alive = lengths[:active] > start + np.arange(_STEPS)[:, None]
        for step in range(_STEPS):
            np.take(rows, places[step], axis=0, out=by, mode="clip")
            np.add(now, 1.0, out=now)
            np.multiply(now, by, out=now)
            proved = (np.add.reduceat(now, starts, axis=1) >= limit) & alive[step][:, None]
            if proved.any():
                proofs += proved.sum(axis=0)
                for tier, first in enumerate(starts):
                    end = starts[tier + 1] if tier + 1 < len(starts) else cells
                    now[proved[:, tier], first:end] = 0.0
    return proofs


def _factors(tests: Sequence[StreamDesign]) -> tuple[Floats, list[int], Floats]:
    """Return ((streams, 2 · strata, cells) factors of a right and a wrong label, first cell and limit of each tier).

    Streams may lack cells; those get the factor 0, which keeps them out of the sum.
    """
    widths = [max(one.cells[level].stop - one.cells[level].start for one in tests) for level in LEVELS]
    starts = [sum(widths[:tier]) for tier in range(len(LEVELS))]
    strata = tests[0].null.shape[0]
    found = np.zeros((len(tests), 2 * strata, sum(widths)))
    for place, one in enumerate(tests):
        for tier, level in enumerate(LEVELS):
            mine = one.cells[level]
            to = slice(starts[tier], starts[tier] + mine.stop - mine.start)
            for error in (0, 1):
                found[place, error::2, to] = 1.0 + one.bets[:, mine] * (error - one.null[:, mine])
    limits = np.exp([[one.log_thresholds[level] for level in LEVELS] for one in tests])
    return found, starts, limits


class _Draw:
    """Labels of many streams: which stratum, and right or wrong."""

    def __init__(self, rng: np.random.Generator, truth: Sequence[Stream], world: World) -> None:
        self._rng, self._world = rng, world
        self._strata = len(truth[0].errors)
        self._grid = np.concatenate([one.grid for one in truth]).astype(np.int32)
        errors = np.array([one.errors for one in truth])
        self._errors = (errors * (1.0 - world.noise) + (1.0 - errors) * world.noise).astype(np.float32).ravel()
        self._per_year = np.array([one.per_year for one in truth])
        self._first = np.array([one.grid[0] for one in truth], np.int32)
        self._share = np.array([np.mean(one.grid == one.grid[0]) for one in truth], np.float32)

    def categories(self, which: Ints, start: int) -> Ints:
        """Return (steps, streams) 2 · stratum + error."""
        shape = _STEPS // self._world.cluster, len(which)
        labels = start + np.arange(0, _STEPS, self._world.cluster)
        surge = self._surge(labels[:, None] / self._per_year[which]).astype(np.float32)
        # A surge takes from all other strata: a label that it claims is of the first one, whatever it was.
        share = self._share[which]
        claimed = self._rng.random(shape, np.float32) < np.minimum(share * surge, 1.0 - share)
        stratum = self._grid[which * GRID + self._rng.integers(0, GRID, shape, np.int32)]
        stratum = np.where(claimed, self._first[which], stratum)
        wrong = self._errors[which * self._strata + stratum]
        if self._world.regime:
            sign = self._rng.integers(0, 2, (2, len(which)), np.int8) * np.float32(2) - 1
            wrong = wrong * (1.0 + self._world.regime * np.repeat(sign, shape[0] // 2, axis=0))
        error = self._rng.random(shape, np.float32) < wrong
        return np.repeat(2 * stratum + error, self._world.cluster, axis=0)

    @staticmethod
    def _surge(years: Floats) -> Floats:
        """Return by how much the first stratum grows: at night, at the weekend and in winter."""
        surge = np.zeros_like(years)
        for cycles, (part, growth) in zip((YEAR, YEAR / 7, 1.0), (_NIGHT, _WEEKEND, _WINTER), strict=True):
            surge += growth * ((years * cycles) % 1.0 < part)
        return surge
