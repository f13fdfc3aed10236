"""Numbers of a page in steps, so that nobody works a small cell out of the others by subtraction.

A page shows sums: the whole, its parts by each segment, and parts of parts by pairs; and a later page shows them again.
Hiding a small cell alone is no use: the whole less the other parts gives it away, and so do two pages of a moment
before and after. Every count is therefore known to within eleven only, and no mean is exact enough to divide out how
many it is of.
"""

import math
from typing import Final

from otel_clinical.semconv.small_cells import SMALL_CELL

_DIGITS: Final = 1000.0
_ROUNDING: Final = 1e-6


def stepped(count: int) -> int:
    """Return a count in steps of the smallest cell: what two pages differ by is nobody or at least as many.

    >>> stepped(10), stepped(11), stepped(21), stepped(22)
    (0, 11, 11, 22)
    """
    return count - count % SMALL_CELL


def blurred(ratio: float) -> float:
    """Return a mean without the digits that would give its numerator and denominator away.

    >>> blurred(6 / 7)
    0.857
    """
    return round(ratio, 3)


def at_least(ratio: float) -> float:
    """Return the same, never larger: thresholds of whole tenths of a percent are reached by the same values.

    >>> at_least(0.15), at_least(0.1499), at_least(-0.0001)
    (0.15, 0.149, -0.001)
    """
    return math.floor(ratio * _DIGITS + _ROUNDING) / _DIGITS


def at_most(ratio: float) -> float:
    """Return the same, never smaller."""
    return -at_least(-ratio)
