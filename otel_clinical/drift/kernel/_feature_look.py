"""One look at the bins of every feature at once: how far they moved, and by how much that is worth betting on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.detectors import chi_square, log_bet, psi, share_growth, wasserstein, wasserstein_p
from otel_clinical.drift.kernel._feature_design import ENOUGH
from otel_clinical.features import MOST_BINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._feature_design import FeatureDesign

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DISTANCES: Final = 2
"""Tests of the distribution as a whole: Wasserstein and PSI of a numeric feature, chi-square (twice) of any other."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one look found, for each feature f.

    Attributes:
        distances: (f, DISTANCES) logarithms of the bets on the distribution as a whole.
        shares: (c, bets) logarithms by which the bets on single shares grow.
        moved: (f,) share of the inputs in other bins than in the reference, beyond what chance explains.
        psi: (f,) population stability index beyond what chance explains.
        shift: (f,) mean of the normal scores: standard deviations from the reference.
        block: (f,) the same as a standardised sum, for detectors that expect a deviation of 1.
    """

    distances: Floats
    shares: Floats
    moved: Floats
    psi: Floats
    shift: Floats
    block: Floats


def look_at(counts: Ints, design: FeatureDesign) -> Look:
    """Compare (f, PLACES) counts with the reference."""
    seen, frozen = counts.astype(np.float64), design.reference
    values, reference = seen[:, :MOST_BINS], frozen[:, :MOST_BINS]
    limits = design.limits
    n, m = values.sum(axis=1), reference.sum(axis=1)
    index_p, excess = psi(values, reference, limits.psi)
    contingency_p, _ = chi_square(values, reference, limits.psi)
    moved_p = wasserstein_p(wasserstein(values, reference), n, m, limits.tolerance)
    numeric = design.numeric
    pairs = np.stack((np.where(numeric, moved_p, contingency_p), np.where(numeric, index_p, contingency_p)), axis=1)
    rows, places = design.cells[:, 0], design.cells[:, 1]
    sums = (values * design.scores[:, :MOST_BINS]).sum(axis=1)
    some = np.maximum(n, 1.0)
    # A feature that the reference nearly always lacks has no distribution there; its single shares are bet on.
    usable = design.tested & (n > 0) & (m >= ENOUGH)
    return Look(
        distances=np.where(usable[:, None], log_bet(pairs), 0.0),
        shares=share_growth(seen[rows, places], seen[rows].sum(axis=1), design.bets),
        moved=np.where(design.tested, _moved(seen, frozen), 0.0),
        psi=np.where(usable, excess, 0.0),
        shift=(sums - n * design.centre) / some,
        block=(sums - n * design.centre) / (np.sqrt(some) * design.spread),
    )


def _moved(seen: Floats, frozen: Floats) -> Floats:
    """Return the total variation distance beyond its expectation, from 0 to 1."""
    n, m = (np.maximum(counts.sum(axis=1, keepdims=True), 1.0) for counts in (seen, frozen))
    p, q = seen / n, frozen / m
    chance = np.sqrt(2.0 / np.pi * q * (1.0 - q) * (1.0 / n + 1.0 / m))
    return np.asarray(np.maximum(np.abs(p - q).sum(axis=1) - chance.sum(axis=1), 0.0) / 2.0)
