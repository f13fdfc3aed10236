"""Let the truth arrive late: a heap of what becomes known when."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


_SECOND_LOOK: Final = 0.25


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """Something about an earlier inference becomes known at a unix time; only the receipt connects the two."""

    at: float
    receipt: str = field(compare=False)
    right: bool = field(compare=False)
    review: bool = field(compare=False)
    again: bool = field(compare=False, default=False)


class LateTruth:
    """Keep receipts until the truth about them is known.

    A wrong code is known early, because its claim is denied; a right one only when the audit closes. Whoever
    counts labels as they come sees a model that is worse than it is.

    Args:
        maturity: Seconds after which everything that will be known is known.
        labelled: Share of the inferences whose truth becomes known at all.
    """

    def __init__(self, rng: random.Random, maturity: float, labelled: float) -> None:
        self._rng = rng
        self._maturity = maturity
        self._labelled = labelled
        self._heap: list[Due] = []

    def audit(self, receipt: str, at: float, *, right: bool) -> None:
        """Plan the coding audit of an inference made at ``at``, or none."""
        if self._rng.random() < self._labelled:
            early, late = (0.40, 0.90) if right else (0.10, 0.35)
            known = at + self._maturity * self._rng.uniform(early, late)
            heapq.heappush(self._heap, Due(known, receipt, right, review=False))

    def review(self, receipt: str, at: float, *, right: bool) -> None:
        """Plan a coder's review of an inference made at ``at``."""
        known = at + self._maturity * self._rng.uniform(0.05, 0.30)
        heapq.heappush(self._heap, Due(known, receipt, right, review=True))

    def look_again(self, due: Due) -> None:
        """Plan a second review of what was just reviewed, before its outcome is final."""
        later = due.at + self._maturity * _SECOND_LOOK
        heapq.heappush(self._heap, Due(later, due.receipt, due.right, review=True, again=True))

    @property
    def next_at(self) -> float:
        """Return the unix time at which the next thing becomes known; infinity when nothing is open."""
        return self._heap[0].at if self._heap else float("inf")

    def known(self, now: float) -> Iterator[Due]:
        """Yield and forget everything that is known at ``now``, oldest first."""
        while self._heap and self._heap[0].at <= now:
            yield heapq.heappop(self._heap)
