"""The part of a baseline that says how many labels came a day, and how long they took."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

from otel_clinical.policy._problems import BaselineError

_DAY: Final = 86_400
_HOURS: Final = 1, 3, 6, 12
_DAYS: Final = 1, 2, 3, 5, 7, 14, 30, 60, 90, 180, 365
EDGES: Final = (0, 60, 300, 900, *(3600 * hours for hours in _HOURS), *(_DAY * days for days in _DAYS))
"""Seconds at which the bins of delays begin; the last has no end."""


@dataclass(frozen=True, slots=True)
class LabelReference:
    """How the outcomes of the reference period came in.

    `per_day` is their number by day; `counts` how many took longer than each of `edges`, seconds, and not longer than
    the next; the last has no end.
    """

    per_day: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Return the maturity curve: (seconds, share of the outcomes that were known by then), rising.

        >>> LabelReference(3.0, (0, 60, 3600), (1, 2, 1)).curve()
        ((60, 0.25), (3600, 0.75))
        """
        total = sum(self.counts)
        return tuple(
            (edge, known / total) for edge, known in zip(self.edges[1:], accumulate(self.counts), strict=False)
        )

    def within(self, share: float) -> float | None:
        """Return the first edge, seconds, by which that share was known; None where it took longer than the last."""
        return next((edge for edge, known in self.curve() if known >= share), None)

    def as_dict(self) -> dict[str, Any]:
        """Return the file's content."""
        return {"per_day": self.per_day, "edges": list(self.edges), "counts": list(self.counts)}


class LabelCounts:
    """Counts outcomes by how long they took; the order does not matter."""

    def __init__(self) -> None:
        self._counts = [0] * len(EDGES)

    def add(self, delay: float) -> None:
        """Count one outcome that was known `delay` seconds after its inference; below zero counts as zero."""
        self._counts[max(bisect_left(EDGES, delay) - 1, 0)] += 1

    def build(self, seconds: float) -> LabelReference | None:
        """Return what was counted in a period of `seconds`; None if that is nothing, or less than a day."""
        total = sum(self._counts)
        if not total or seconds < _DAY:
            return None
        return LabelReference(round(total * _DAY / seconds, 6), EDGES, tuple(self._counts))


def parse_labels(item: object) -> LabelReference | None:
    """Return the labels of a file, None where it has none.

    Raises:
        BaselineError: They cannot be true.
    """
    if item is None:
        return None
    if not isinstance(item, dict) or set(item) != {"per_day", "edges", "counts"}:
        raise BaselineError("labels is no object of {per_day, edges, counts}")
    per_day, edges, counts = item["per_day"], item["edges"], item["counts"]
    if not _is_number(per_day) or per_day <= 0:
        raise BaselineError(f"labels.per_day is {per_day!r}, expected a number above 0")
    if not isinstance(edges, list) or not all(map(_is_number, edges)) or any(a >= b for a, b in pairwise(edges)):
        raise BaselineError("labels.edges is no list of seconds that rise")
    if not isinstance(counts, list) or not all(map(_is_count, counts)) or not sum(counts):
        raise BaselineError("labels.counts is no list of whole numbers from 0, one of them above 0")
    if len(edges) != len(counts) or edges[0] != 0:
        raise BaselineError("labels needs as many edges as counts, and the first edge is 0")
    return LabelReference(per_day, tuple(edges), tuple(counts))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
