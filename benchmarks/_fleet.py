"""A fleet in which nothing gets worse: 20 models of 40 segment values, their truth, and what a baseline saw of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.kernel._design import StreamDesign, design_stream, strata_of, thresholds
from otel_clinical.policy import ALL, Baseline, Cell, ModelPolicy, Policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MODELS = 20
VALUES = 10
MEDIAN_PER_DAY = 60
SPREAD = 1.2
"""Of the logarithm of the volumes: from a handful of labels a day to some hundreds."""
BASELINE_DAYS = 90
SMALLEST_BASELINE = 1000
YEAR = 365.25
GRID = 64
"""Shares of strata are multiples of 1/64, so that a stratum is drawn by one look into a table."""


@dataclass(frozen=True, eq=False)
class Stream:
    """One (model, segment, value): what is true of it.

    Attributes:
        model: Place of the model in the fleet.
        segment: Segment name and value; ("all", "all") for the aggregate.
        per_year: Labels.
        grid: (64,) stratum of each part of the mix.
        errors: (strata,) probability of an error.
    """

    model: int
    segment: tuple[str, str]
    per_year: float
    grid: NDArray[np.int64]
    errors: Floats


def fleet_policy(policy: Policy, models: int = MODELS) -> Policy:
    """Return `policy` for a fleet: its one model many times, with realistic volumes and ten values per segment."""
    [(_, model)] = policy.models.items()
    segments = {name: tuple(f"{name}-{place}" for place in range(VALUES)) for name in model.segments}
    normal = np.sort(np.random.default_rng(11).standard_normal(models))
    volumes = [max(round(MEDIAN_PER_DAY * math.exp(SPREAD * z)), 5) for z in normal]
    return policy.model_copy(
        update={"models": {f"model-{n}": _sized(model, segments, v) for n, v in enumerate(volumes)}}
    )


def _sized(model: ModelPolicy, segments: dict[object, tuple[str, ...]], volume: int) -> ModelPolicy:
    labels = model.labels.model_copy(update={"per_day": volume})
    return model.model_copy(update={"segments": segments, "labels": labels})


def streams(policy: Policy) -> list[Stream]:
    """Return the truth of every stream of the fleet; the same at each call."""
    return [one for place, model in enumerate(policy.models.values()) for one in _streams_of(place, model)]


def _streams_of(place: int, model: ModelPolicy) -> list[Stream]:
    rng = np.random.default_rng(1000 + place)
    strata = strata_of(model)
    mix = _grid(rng, len(strata) - 1)
    shares = np.bincount(mix, minlength=len(strata)) / GRID
    hard = np.exp(rng.normal(0.0, 0.4, len(strata)))
    errors = np.clip(rng.uniform(0.04, 0.18) * hard / (shares @ hard), 0.002, 0.6)
    yearly = model.labels.per_day * YEAR
    found = [Stream(place, (ALL, ALL), yearly, mix, errors)]
    for segment, values in model.segments.items():
        if segment == model.standardise_by:
            found += [
                Stream(place, (str(segment), value), yearly * shares[d], np.full(GRID, d), errors)
                for d, value in enumerate(sorted(values))
                if shares[d]
            ]
            continue
        part = np.bincount(_grid(rng, len(values)), minlength=len(values)) / GRID
        factor = np.exp(rng.normal(0.0, 0.2, len(values)))
        factor /= part @ factor
        found += [
            Stream(place, (str(segment), value), yearly * part[v], mix, np.clip(errors * factor[v], 0.002, 0.8))
            for v, value in enumerate(sorted(values))
            if part[v]
        ]
    return found


def _grid(rng: np.random.Generator, values: int) -> NDArray[np.int64]:
    """Return which of `values` each 64th of the mix is: a few large ones, a tail of small ones."""
    weights = 1.0 / np.arange(1, values + 1)
    edges = np.round(np.cumsum(rng.permutation(weights) / weights.sum()) * GRID)
    return np.searchsorted(edges, np.arange(GRID), side="right").clip(0, values - 1)


def designs(policy: Policy, truth: list[Stream], seed: int) -> list[StreamDesign]:
    """Return the tests of every stream against a baseline that was drawn from the truth, luck included."""
    rng, budgets, found = np.random.default_rng(seed), thresholds(policy), []
    for place, (name, model) in enumerate(policy.models.items()):
        mine = [one for one in truth if one.model == place]
        reference = max(model.labels.per_day * BASELINE_DAYS, SMALLEST_BASELINE)
        baseline = _baseline(rng, name, model, mine, reference)
        found += [design_stream(model, baseline, budgets[name], *one.segment) for one in mine]
    return found


def _baseline(rng: np.random.Generator, name: str, model: ModelPolicy, mine: list[Stream], reference: int) -> Baseline:
    strata, cells = strata_of(model), {}
    for one in mine:
        size = max(round(reference * one.per_year / mine[0].per_year), 1)
        counts = rng.multinomial(size, np.bincount(one.grid, minlength=len(strata)) / GRID)
        wrong = rng.binomial(counts, one.errors)
        for d, stratum in enumerate(strata):
            if counts[d]:
                cells[*one.segment, stratum] = Cell(int(counts[d]), float(counts[d] - wrong[d]))
    return Baseline(name, None, model.metric.name, cells)
