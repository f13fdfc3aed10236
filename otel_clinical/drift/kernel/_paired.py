"""Two versions on the same cases: which one is better, by bets that may be looked at for ever."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from otel_clinical.drift._codec import pack, unpack
from otel_clinical.drift.explode._batch import MICRO

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MARGIN: Final = 0.05
"""Difference of mean scores below which going back to the other version is not worth it."""
_STAKES: Final = np.array([0.05, 0.1, 0.2, 0.4, 0.8])
"""Bets on the difference, fixed beforehand; none can be ruined by one case."""
_PROOF: Final = math.log(20.0)  # by Ville's inequality a wrong proof has at most a probability of 5 %, ever
_KIND, _VERSION = "paired", 1


@dataclass
class Paired:
    """An e-process on the differences of one pair of versions, first minus second.

    With D in [-1, 1] the score of the first version less that of the second on one case, the capital of a bet
    multiplies by 1 + stake * D. As long as the first is not better, given the past, no bet grows on average, and the
    mean of the bets reaches 20 with a probability of at most 1/20, whenever one stops. The other three questions are
    bets of the same kind on -D, MARGIN - D and MARGIN + D.

    Attributes:
        cases: Cases that both versions have a score of.
        logs: (4, stakes) logarithms of the capital: first better, second better, first no better by MARGIN, second no
            better by MARGIN.
    """

    cases: int = 0
    logs: Floats = field(default_factory=lambda: np.zeros((4, len(_STAKES))))

    def feed(self, first: int, second: int) -> None:
        """Take the scores of both versions on one case, millionths."""
        self.logs += _factors(first, second)
        self.cases += 1

    def amend(self, was: tuple[int, int], now: tuple[int, int] | None) -> None:
        """Let a case that was fed have the scores `now`, or be none.

        A bet cannot be undone, but capital may be given away: no proof grows by it, and every one stays below that of
        the scores as they were fed and as they are now.
        """
        self.logs += np.minimum((0.0 if now is None else _factors(*now)) - _factors(*was), 0.0)
        self.cases -= now is None

    def proved(self) -> tuple[bool, bool, bool, bool]:
        """Return what is proved, in the order of `logs`."""
        means = np.logaddexp.reduce(self.logs, axis=1) - math.log(len(_STAKES))
        one, two, three, four = (bool(mean >= _PROOF) for mean in means)
        return one, two, three, four

    def dumps(self) -> bytes:
        """Return the state as bytes."""
        meta: dict[str, Any] = {"cases": self.cases}
        return pack(_KIND, _VERSION, meta, {"logs": self.logs})

    @classmethod
    def loads(cls, data: bytes) -> Paired:
        """Return the state that `dumps` gave.

        Raises:
            CodecError: `data` is damaged.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        return cls(int(meta["cases"]), arrays["logs"])


def _factors(first: int, second: int) -> Floats:
    """Return (4, stakes) logarithms by which the capital grows on one case."""
    difference = (first - second) / MICRO
    gains = np.array((difference, -difference, MARGIN - difference, MARGIN + difference))
    # At worst a gain is MARGIN - 1, so that every factor stays above 0.
    return np.asarray(np.log1p(_STAKES * gains[:, None]))
