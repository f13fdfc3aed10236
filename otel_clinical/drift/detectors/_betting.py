"""Shiryaev-Roberts betting e-detector: proof, at any time, that a mean in [0, 1] has become too large."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import base

from otel_clinical.drift._codec import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LOG_CEILING: Final = math.log(1e9)
"""Evidence is reported up to a billion: past that only the fact that it is proved matters."""
_EDGE: Final = 1e-6  # keeps every bet short of ruin
_FARTHEST: Final = 600.0  # between logarithms that are added as plain numbers: exp(-700) is still one
_SMALLEST: Final = 1e-280  # that still has all its digits
_KIND, _VERSION = "betting", 1


def bet(null: float, alternative: float) -> float:
    """Return the stake that grows fastest if the mean is `alternative` while `null` is what is to be refuted.

    An observation x in [0, 1] multiplies the capital by `1 + stake * (x - null)`, which is never negative and on
    average at most 1 as long as the mean is at most `null`. For x in {0, 1} it is the likelihood ratio.

    >>> bet(0.1, 0.3)
    2.222222222222222
    """
    null = min(max(null, _EDGE), 1.0 - _EDGE)
    alternative = min(alternative, 1.0 - _EDGE)
    return max((alternative - null) / (null * (1.0 - null)), 0.0)


def bets_of(null: Floats, alternatives: Floats) -> Floats:
    """Return `bet` of each null (n,) and each of its alternatives (n, k), bit for bit."""
    low = np.clip(null, _EDGE, 1.0 - _EDGE)[:, None]
    return np.maximum((np.minimum(alternatives, 1.0 - _EDGE) - low) / (low * (1.0 - low)), 0.0)


def log_growth(observations: Floats, null: Floats, bets: Floats) -> Floats:
    """Return the logarithm of the factor by which each bet multiplies its capital.

    Args:
        observations: (n,) in [0, 1].
        null: (n, cells) null mean for each observation and bet.
        bets: (n, cells) stakes from `bet`.
    """
    return np.log1p(bets * (observations[:, None] - null))


def log_less(whole: Floats, part: Floats) -> Floats:
    """Return the logarithm of what is left of `whole` without `part`, both logarithms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = whole + np.log1p(-np.exp(np.minimum(part - whole, 0.0)))
    return np.asarray(np.where(part > -np.inf, left, whole))


def sr_path(start: Floats, growth: Floats) -> Floats:
    """Return the logarithms of S after each observation, S = (S + 1) * factor.

    In closed form, so that n observations cost a few array operations: with C the running sum of `growth`,
    S_n = exp(C_n) * (S_0 + sum of exp(-C_i) for i < n).

    Args:
        start: (cells,) log S before the first observation; minus infinity for S = 0.
        growth: (n, cells) from `log_growth`.

    Returns:
        (n, cells). Logarithms, so nothing overflows.
    """
    if len(growth) == 1:
        return np.asarray(growth + np.logaddexp(start, 0.0))
    total = growth.cumsum(axis=0)
    terms = np.zeros((len(growth) + 1, len(start)))
    terms[0] = start
    np.negative(total[:-1], out=terms[2:])
    top = np.maximum.reduce(terms, axis=0)
    if not (top - np.maximum(start, 0.0) <= _FARTHEST).all():
        middle = len(growth) // 2
        first = sr_path(start, growth[:middle])
        return np.concatenate((first, sr_path(first[-1], growth[middle:])))
    # Sums of exponentials over the largest: a logarithm of each running sum in place of two of each step to it.
    sums = np.exp(np.subtract(terms, top, out=terms), out=terms).cumsum(axis=0, out=terms)[1:]
    return np.asarray(np.log(sums) + top + total)


def sr_paths(starts: Floats, growth: Floats, there: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return `sr_path` of several streams, bit for bit, and for which of them it can be had like this.

    Args:
        starts: (s, cells) log S of each before the first observation.
        growth: (s, n, cells), 0 where there is no observation.
        there: (s, n) where there are observations; at least two in each stream, before all other places.

    Returns:
        (s, n, cells), minus infinity where there is no observation.
    """
    total = growth.cumsum(axis=1)
    terms = np.empty((len(growth), growth.shape[1] + 1, growth.shape[2]))
    terms[:, 0], terms[:, 1] = starts, 0.0
    np.negative(total[:, :-1], out=terms[:, 2:])
    terms[:, 1:][~there] = -np.inf
    top = np.maximum.reduce(terms, axis=1)
    near = (top - np.maximum(starts, 0.0) <= _FARTHEST).all(axis=1)
    top = top[:, None]
    sums = np.exp(np.subtract(terms, top, out=terms), out=terms).cumsum(axis=1, out=terms)[:, 1:]
    with np.errstate(divide="ignore"):  # where it cannot be had
        path = np.log(sums)
    path += top
    path += total
    path[~there] = -np.inf
    return path, near


def highest_log_sums(logarithms: Floats, parts: Sequence[slice]) -> list[float]:
    """Return for each part of the columns the largest logarithm of the sum of a row's numbers in it.

    Args:
        logarithms: (n, cells) of the numbers.
        parts: Of the cells.

    >>> highest_log_sums(np.log([[1.0, 2.0], [3.0, 5.0]]), [slice(0, 2)]) == [math.log(8.0)]
    True
    """
    top = float(np.maximum.reduce(logarithms, axis=None))
    if not math.isfinite(top):
        return [float(np.logaddexp.reduce(logarithms[:, part], axis=1).max()) for part in parts]
    plain = np.exp(logarithms - top)
    highest = [float(np.maximum.reduce(np.add.reduce(plain[:, part], axis=1))) for part in parts]
    return [
        top + math.log(one) if one > _SMALLEST else float(np.logaddexp.reduce(logarithms[:, part], axis=1).max())
        for one, part in zip(highest, parts, strict=True)
    ]


def all_highest_log_sums(paths: Floats, parts: Sequence[slice]) -> list[list[float]]:
    """Return `highest_log_sums` of several streams, bit for bit.

    Args:
        paths: (s, n, cells) of the numbers, minus infinity where there are none.
        parts: Of the cells.
    """
    tops = np.maximum.reduce(paths, axis=(1, 2))
    plain = np.exp(paths - np.where(np.isfinite(tops), tops, 0.0)[:, None, None])
    highest = [np.maximum.reduce(np.add.reduce(plain[:, :, part], axis=2), axis=1).tolist() for part in parts]
    return [
        [top + math.log(one) for one in found]
        if math.isfinite(top) and min(found) > _SMALLEST
        else highest_log_sums(path, parts)
        for path, top, found in zip(paths, tops.tolist(), zip(*highest, strict=True), strict=True)
    ]


class BettingDetector(base.DriftDetector):
    """E-detector of "the mean has been above `null` since some time".

    A Shiryaev-Roberts statistic per alternative, averaged: it restarts a bet at every observation, so it needs no
    guess of the change point. If the mean, given the past, never exceeds `null`, the probability that it crosses
    `threshold` within n observations is at most n / threshold, however often it is looked at, and whatever else
    the distribution does. It keeps one number per alternative.

    Args:
        null: Largest tolerated mean, in (0, 1).
        alternatives: Means to be found fast, each above `null`.
        threshold: Crossing it is a detection. Expected observations between false alarms, at least.

    Example:
        >>> import random
        >>> rng = random.Random(7)
        >>> detector = BettingDetector(null=0.1, alternatives=(0.15, 0.2, 0.3), threshold=1e4)
        >>> stream = [rng.random() < 0.08 for _ in range(2000)] + [rng.random() < 0.25 for _ in range(500)]
        >>> for index, error in enumerate(stream):
        ...     detector.update(error)
        ...     if detector.drift_detected:
        ...         print(f"proved at {index}: {index - 1999} observations after the change")
        ...         break
        proved at 2064: 65 observations after the change

    Values that are not numbers in [0, 1] are counted in `rejected` and change nothing.

    References:
        Shin, Ramdas and Rinaldo. E-detectors: a nonparametric framework for sequential change detection.
        The New England Journal of Statistics in Data Science, 2(2), 2023.
        Waudby-Smith and Ramdas. Estimating means of bounded random variables by betting.
        Journal of the Royal Statistical Society B, 86(1), 2024.
    """

    def __init__(
        self, null: float = 0.1, alternatives: Sequence[float] = (0.15, 0.2, 0.3), threshold: float = 1e6
    ) -> None:
        super().__init__()
        if not 0.0 < null < 1.0 or any(not null < mean <= 1.0 for mean in alternatives) or not alternatives:
            raise ValueError(f"alternatives {tuple(alternatives)} must lie above the null {null} and within 1")
        self.null = null
        self.alternatives = tuple(alternatives)
        self.threshold = threshold
        self.rejected = 0
        self._nulls = np.full((1, len(self.alternatives)), null)
        self._bets = np.array([[bet(null, mean) for mean in self.alternatives]])
        self._log_s = np.full(len(self.alternatives), -np.inf)

    @property
    def log_evidence(self) -> float:
        """Logarithm of the mean statistic over the threshold; 0 or more is proof."""
        mean = float(np.logaddexp.reduce(self._log_s)) - math.log(len(self.alternatives))
        return mean - math.log(self.threshold)

    @property
    def evidence(self) -> float:
        """The mean statistic over the threshold, at most a billion; 1 or more is proof."""
        return math.exp(min(self.log_evidence, LOG_CEILING))

    def update(self, x: float) -> None:
        """Bet on one observation in [0, 1]."""
        value = as_number(x)
        if not 0.0 <= value <= 1.0:
            self.rejected += 1
            return
        growth = log_growth(np.array([value]), self._nulls, self._bets)
        self._log_s = sr_path(self._log_s, growth)[-1]
        self._drift_detected = self.log_evidence >= 0.0

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta = [self.null, list(self.alternatives), self.threshold, self.rejected, self._drift_detected]
        return pack(_KIND, _VERSION, {"fields": meta}, {"log_s": self._log_s})

    @classmethod
    def loads(cls, data: bytes) -> BettingDetector:
        """Return the detector that `dumps` saved.

        Raises:
            CodecError: `data` is damaged, or something else.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        null, alternatives, threshold, rejected, detected = meta["fields"]
        detector = cls(null, alternatives, threshold)
        detector.rejected, detector._drift_detected = rejected, detected
        detector._log_s = arrays["log_s"]
        return detector


def as_number(x: Any) -> float:
    """Return `x` as a float; NaN for anything that is none, so that one comparison rejects both."""
    try:
        return float(x)
    except (OverflowError, TypeError, ValueError):
        return math.nan
