"""Divergences between two histograms whose sampling is a matter of chi-square distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LEAST_EXPECTED: Final = 5.0  # per bin: the customary limit of the approximation
_PSEUDO: Final = 0.5  # observations in every bin, so that none is impossible
_MOST: Final = 5_000.0  # values of a look that count: past that the approximation costs more than it tells


def shares(counts: Floats, reference: Floats) -> tuple[Floats, Floats, Floats]:
    """Return (recent shares, reference shares, degrees of freedom) with the bins too small to test put together.

    Args:
        counts: (..., bins) recent values.
        reference: (..., bins) reference values; a bin that holds none of either counts as not there.
    """
    used = (counts + reference) > 0
    width = np.maximum(used.sum(-1, keepdims=True), 1)
    p = np.where(used, counts + _PSEUDO, 0.0) / (counts.sum(-1, keepdims=True) + _PSEUDO * width)
    q = np.where(used, reference + _PSEUDO, 0.0) / (reference.sum(-1, keepdims=True) + _PSEUDO * width)
    small = used & (q * counts.sum(-1, keepdims=True) < _LEAST_EXPECTED)
    pooled = [np.where(small, share, 0.0).sum(-1, keepdims=True) for share in (p, q)]
    kept = [np.where(small, 0.0, share) for share in (p, q)]
    # Too few even together: a bin that is rare both times says nothing of the whole, and joins the largest.
    alone = pooled[1] * counts.sum(-1, keepdims=True) >= _LEAST_EXPECTED
    largest = np.arange(q.shape[-1]) == q.argmax(-1)[..., None]
    kept = [share + np.where(largest & ~alone, rest, 0.0) for share, rest in zip(kept, pooled, strict=True)]
    pooled = [np.where(alone, rest, 0.0) for rest in pooled]
    p, q = (np.concatenate(pair, axis=-1) for pair in zip(kept, pooled, strict=True))
    return p, q, np.maximum((q > 0).sum(-1) - 1.0, 1.0)


def divergence_p(divergence: Floats, n: Floats, m: Floats, freedom: Floats, tolerance: float) -> Floats:
    """Return p-values for "the true divergence is no more than `tolerance`": noncentral chi-square."""
    rate = 1.0 / np.clip(n, 1.0, _MOST) + 1.0 / np.maximum(m, 1.0)
    from scipy import special  # noqa: PLC0415 -- a third of a start would be spent on it, and few look at once

    below = special.chndtr(divergence / rate, freedom, tolerance / rate)
    return np.asarray(np.clip(1.0 - below, 0.0, 1.0))
