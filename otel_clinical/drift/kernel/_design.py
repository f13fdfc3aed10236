"""What a stream of outcomes is tested against: fixed by policy and baseline before the first outcome arrives."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift.detectors import bets_of
from otel_clinical.policy import ALL
from otel_clinical.semconv import OTHER
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from otel_clinical.policy import Baseline, ModelPolicy, Policy, Scale, Tier

    Floats = NDArray[np.float64]

LEVELS: Final = (
    EscalationLevel.ENGINEERING_REVIEW,
    EscalationLevel.GOVERNANCE_REVIEW,
    EscalationLevel.ROLLBACK,
)
DROPS: Final = (0.10, 0.15, 0.20, 0.30, 0.50)
"""Drops that every tier's evidence is tuned to find fast, as far as they lie above its guard."""
SMALL_DROPS: Final = (0.05, 0.06, 0.08)
"""Further ones for the first tier and for the change point."""
_RARER: Final = (0.75, 0.9)
"""Further ones of the odds: errors four and ten times as frequent."""
_OFTENER: Final = (1.0, 2.0, 4.0)
"""Further ones of a metric that is better when lower, relative: twice, three and five times as much."""
_CONFIDENCE: Final = 0.01  # the baseline is taken at its lower bound of 99 %: luck in the reference is no drop
_YEAR_DAYS: Final = 365.25
_EDGE: Final = 1e-4


@dataclass(frozen=True, eq=False)
class StreamDesign:
    """The tests of one (model, segment, value), for each stratum d of the model.

    Attributes:
        strata: Names of the strata; the last is `_OTHER` unless there is only one.
        expected: (d,) baseline score.
        weights: (d,) share of the stratum in the reference; 0 if the reference did not see it.
        null: (d, cells) largest tolerated mean error; a cell is one tier with one alternative.
        bets: (d, cells) stake of each cell.
        cells: Slice of the cells of each tier.
        log_thresholds: Logarithm by which the sum over the tier's cells is divided.
        change_null: (d,) mean error of the first tier's guard.
        change_bets: (d, alternatives) stakes of the change-point estimate.
        scale: How the drop is counted.
        baseline: Reference score as a whole.
        digest: Of all of this but the thresholds. A saved state goes on only under the same digest.
    """

    strata: tuple[str, ...]
    expected: Floats
    weights: Floats
    null: Floats
    bets: Floats
    cells: Mapping[EscalationLevel, slice]
    log_thresholds: Mapping[EscalationLevel, float]
    change_null: Floats
    change_bets: Floats
    scale: Scale
    baseline: float
    digest: str

    @cached_property
    def form(self) -> tuple[tuple[int, int], ...]:
        """Alike in two designs of one model whose tables have the same columns."""
        return tuple((part.start, part.stop) for part in (*self.cells.values(), slice(0, self.change_bets.shape[1])))


def thresholds(policy: Policy) -> dict[str, dict[EscalationLevel, float]]:
    """Return A by model and tier: years of the budget times outcomes that all streams of the fleet get in a year.

    An outcome feeds the aggregate and one stream per declared segment and pair. The probability that any stream whose
    drop never exceeds the guard crosses A within t outcomes of the fleet is at most t / A.
    """
    yearly = _YEAR_DAYS * sum(
        model.labels.per_day * (1 + len(model.segments) + len(model.pairs)) for model in policy.models.values()
    )
    return {
        name: {level: max(tier.false_alarms.years * yearly, 1.0) for level, tier in model.tiers.items()}
        for name, model in policy.models.items()
    }


def strata_of(model: ModelPolicy) -> tuple[str, ...]:
    """Return the strata of a model: the values of the segment it is standardised by, and everything else."""
    if model.standardise_by is None:
        return (ALL,)
    return (*sorted(model.segments[model.standardise_by]), OTHER)


def design_stream(
    model: ModelPolicy,
    baseline: Baseline,
    thresholds: Mapping[EscalationLevel, float],
    segment: str,
    value: str,
) -> StreamDesign:
    """Return the tests of one segment value, or of the aggregate.

    Each stratum is tested against its own null, so a change of the mix alone cannot be mistaken for a drop.
    """
    strata = strata_of(model)
    scale = model.metric.scale
    expected = np.array([baseline.expected(segment, value, stratum) for stratum in strata])
    expected = np.clip(expected, _EDGE, 1.0 - _EDGE)
    ratio = baseline.ratio(segment, value)
    certain = baseline.lower(segment, value, alpha=_CONFIDENCE) / ratio if ratio > 0 else 0.0
    null, bets, cells = _cells(model.tiers, expected, min(certain, 1.0), scale)
    first = next(model.tiers[level] for level in LEVELS if level in model.tiers)
    change_null = _error(expected, first.guard, scale)
    drops = tuple(drop for drop in (*SMALL_DROPS, *_large(scale)) if drop > first.guard)
    log_thresholds = {
        level: math.log(thresholds[level]) + math.log(max(cells[level].stop - cells[level].start, 1)) for level in cells
    }
    change_bets = _bets(change_null, expected, drops, scale)
    weights = np.array([_weight(baseline, segment, value, stratum) for stratum in strata])
    # Not the thresholds: another model in the fleet must not make this one begin anew.
    parts = (expected, weights, null, bets, change_null, change_bets)
    return StreamDesign(
        strata,
        expected,
        weights,
        null,
        bets,
        cells,
        log_thresholds,
        change_null,
        change_bets,
        scale,
        ratio,
        _digest(strata, parts, scale),
    )


def _cells(
    tiers: Mapping[EscalationLevel, Tier], expected: Floats, certain: float, scale: Scale
) -> tuple[Floats, Floats, dict[EscalationLevel, slice]]:
    """Return (null, bets, slices): every tier with every alternative that lies above its null in some stratum."""
    nulls, bets, slices, start = [], [], {}, 0
    for level in LEVELS:
        if level not in tiers:
            continue
        null = _error(expected * certain, tiers[level].guard, scale)
        drops = (*SMALL_DROPS, *_large(scale)) if level is LEVELS[0] else _severe(tiers[level].drop, scale)
        stakes = _bets(null, expected, drops, scale)
        stakes = stakes[:, (stakes > 0.0).any(axis=0)]
        nulls.append(np.repeat(null[:, None], stakes.shape[1], axis=1))
        bets.append(stakes)
        slices[level] = slice(start, start + stakes.shape[1])
        start = slices[level].stop
    return np.hstack(nulls), np.hstack(bets), slices


def _severe(drop: float, scale: Scale) -> tuple[float, ...]:
    """Return the alternatives of a tier: bets on smaller drops than its own would only slow it down."""
    return tuple(alternative for alternative in _large(scale) if alternative >= drop) or (drop,)


def _large(scale: Scale) -> tuple[float, ...]:
    """Return the alternatives of a kind of drop: an error that was rare can become many times as frequent."""
    if scale.kind == "error_ratio":
        return (*DROPS, *_RARER)
    return (*DROPS, *_OFTENER) if scale.lower and scale.kind == "relative" else DROPS


def _error(expected: Floats, drop: float, scale: Scale) -> Floats:
    """Return the mean error when the performance is `drop` worse than `expected`."""
    return np.clip(scale.error(expected, drop), _EDGE, 1.0 - _EDGE)


def _bets(null: Floats, expected: Floats, drops: tuple[float, ...], scale: Scale) -> Floats:
    each: Any = np.array(drops)  # a drop per column instead of one
    return bets_of(null, _error(expected[:, None], each, scale))


def _weight(baseline: Baseline, segment: str, value: str, stratum: str) -> float:
    """Return the share of a stratum within the segment value's reference."""
    cell = baseline.cells.get((segment, value, stratum))
    total = baseline.n(segment, value)
    return cell.n / total if cell is not None and total else 0.0


def _digest(strata: tuple[str, ...], parts: tuple[Floats, ...], scale: Scale) -> str:
    """Return what a saved state must have been tested against to be continued."""
    # The two kinds that there were first are written as they were then, so that their states go on.
    plain = not scale.lower and scale.kind in {"relative", "points"}
    kind = scale.kind == "relative" if plain else (scale.kind, scale.lower, scale.chance)
    digest = hashlib.blake2b(repr((strata, kind)).encode(), digest_size=16)
    for part in parts:
        digest.update(part.tobytes())
    return digest.hexdigest()
