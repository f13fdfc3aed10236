"""How large the drop is since the change point: an interval that holds however often anybody looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.policy import Scale

    Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95
_TILTS: Final = 0.01 * 2.0 ** np.arange(10)
"""Logarithms of the odds ratios bet on, fixed beforehand: good from a dozen outcomes to a million."""
_STEPS: Final = 4  # of Newton; each comes closer to the bound from the wide side
_EDGE: Final = 1e-9


def share(label: int, alpha: float) -> float:
    """Return the part of `alpha` for a change that begins with the `label`-th outcome, 1 being the first.

    The estimate of the change point chooses the outcome with which the interval begins after seeing them all. So
    every outcome has an interval of its own with the error alpha / (2 k (1 + ln k)^2), and all of them hold
    together: the sum over k of 1 / (k (1 + ln k)^2) is at most 1 + the integral from 1 = 2.

    >>> round(share(1, 0.05), 6), sum(share(k, 0.05) for k in range(1, 1000)) < 0.05
    (0.025, True)
    """
    return alpha / (2.0 * label * (1.0 + math.log(label)) ** 2)


def mean_interval(n: int, total: float, alpha: float) -> tuple[float, float]:
    """Return bounds of the average expected score of `n` outcomes in [0, 1] whose scores add up to `total`.

    With p_i the expected score of outcome i given the past, exp(c S_n) / prod(1 + p_i (e^c - 1)) is a nonnegative
    supermartingale for every c, since e^(cx) <= 1 + x (e^c - 1) on [0, 1]; and by concavity of the logarithm the
    product is at most (1 + p (e^c - 1))^n with p the average of the p_i. The mean over the grid of c is the Bernoulli
    likelihood ratio of p against a mixture of odds ratios e^c. By Ville's inequality p lies, with the probability
    1 - alpha, in every interval of all n. The p_i may change on the way and the outcomes may depend on each other.

    Source: Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49(2), 2021; Waudby-Smith, Ramdas, JRSS B 86(1),
    2024.
    """
    return _lower(n, total, alpha / 2.0), 1.0 - _lower(n, n - total, alpha / 2.0)


def drop_interval(
    n: int, total: float, expected: float, *, before: int, scale: Scale, alpha: float = 1.0 - CONFIDENCE
) -> tuple[float, float]:
    """Return (least, largest) drop of the `n` outcomes since the change point.

    Args:
        n: Outcomes since the change point, 1 or more.
        total: Sum of their scores.
        expected: Average score that the baseline expects of these outcomes, each in its stratum; above 0.
        before: Outcomes of the stream before the change point.
        scale: How the drop from `expected` is counted.
        alpha: Accepted probability that any interval of the stream, at any time, misses.
    """
    low, high = mean_interval(n, total, share(before + 1, alpha))
    return scale.drop(expected, high), scale.drop(expected, low)


def _lower(n: int, total: float, alpha: float) -> float:
    """Return the lower bound of the mean: where the logarithm of the mixture falls to log(1 / alpha).

    The logarithm of the mixture falls with p and is convex, so Newton's tangents come down to the bound from below
    and never pass it: stopping early makes the interval wider, never wrong.
    """
    limit = math.log(len(_TILTS) / alpha)
    with np.errstate(over="ignore"):
        alone = np.expm1((_TILTS * total - limit) / n) / np.expm1(_TILTS)
    p = max(float(alone.max()), 0.0)  # one tilt of the mixture alone refutes what is smaller
    odds = np.expm1(_TILTS)
    for _ in range(_STEPS):
        logs = _TILTS * total - n * np.log1p(p * odds)
        peak = float(logs.max())
        weights = np.exp(logs - peak)
        excess = peak + math.log(float(weights.sum())) - limit
        slope = n * float((weights * odds / (1.0 + p * odds)).sum()) / float(weights.sum())
        if excess <= _EDGE:
            break
        p += excess / slope
    return min(p, 1.0)
