"""How much worse is worse: the kinds of drop, for metrics that rise with quality and for those that fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Number = TypeVar("Number", "float", "NDArray[np.float64]")
DropKind = Literal["relative", "points", "skill", "error_ratio"]

_EDGE: Final = 1e-9
_WORDS: Final[dict[str, str]] = {
    "relative": "relative to baseline",
    "points": "in points of the metric",
    "skill": "of what the baseline was better than chance",
    "error_ratio": "of the odds of being right",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Turns a level of performance and a drop into each other.

    Levels are mean scores, 1 = fully right, whatever the metric: one that is better when it is lower is 1 minus the
    score, and only what people see of it is turned round.

    Attributes:
        kind: relative: (before - now) / before; of a metric that is better when lower (now - before) / before, in the
            metric's own values. points: before - now. skill: (before - now) / (before - chance). error_ratio: 1 minus
            the odds of an error before over those now, so that 50 % says that the odds have doubled.
        lower: Whether the metric is better when it is lower.
        chance: Score of guessing, for skill.
    """

    kind: DropKind = "relative"
    lower: bool = False
    chance: float = 0.0

    def error(self, before: Number, drop: float) -> Number:
        """Return 1 minus the score that is `drop` worse than the score `before`; it may lie outside 0 to 1.

        >>> round(Scale("error_ratio").error(0.9, 0.5), 9), round(Scale(lower=True).error(0.9, 0.5), 9)
        (0.181818182, 0.15)
        """
        if self.kind == "points":
            return 1.0 - before + drop
        if self.kind == "skill":
            return 1.0 - self.chance - (before - self.chance) * (1.0 - drop)
        if self.kind == "error_ratio":
            return (1.0 - before) / (1.0 - before + before * (1.0 - drop))
        if self.lower:
            return (1.0 - before) * (1.0 + drop)
        return 1.0 - before * (1.0 - drop)

    def drop(self, before: float, now: float) -> float:
        """Return by how much the score `now` is worse than the score `before`; below 0 it is better.

        >>> round(Scale("skill", chance=0.5).drop(0.75, 0.7125), 9)
        0.15
        """
        if self.kind == "points":
            return before - now
        if self.kind == "skill":
            return (before - now) / (before - self.chance)
        if self.kind == "error_ratio":
            return 1.0 - _odds(now) / _odds(before)
        if self.lower:
            return (1.0 - now) / max(1.0 - before, _EDGE) - 1.0
        return 1.0 - now / before

    def limit(self, baseline: float, drop: float) -> float:
        """Return the metric, in its own values, that is `drop` worse than `baseline`."""
        error = min(max(self.error(self.shown(baseline), drop), 0.0), 1.0)
        return error if self.lower else 1.0 - error

    def within(self, performance: float, limit: float) -> bool:
        """Return whether `performance` is at `limit` or better, both in the metric's own values; never for NaN."""
        return performance <= limit if self.lower else performance >= limit

    def shown(self, score: float) -> float:
        """Return a score in the metric's own values, or the other way round."""
        return 1.0 - score if self.lower else score

    @property
    def words(self) -> str:
        """What a drop is counted in, for people."""
        if self.lower and self.kind == "relative":
            return "more than the baseline, relative to it"
        return _WORDS[self.kind]

    @property
    def direction(self) -> str:
        """Where the metric is when it is worse."""
        return "up" if self.lower else "down"

    @property
    def verb(self) -> str:
        """What the metric does when it becomes worse."""
        return "rose" if self.lower else "fell"


def _odds(score: float) -> float:
    score = min(max(score, _EDGE), 1.0 - _EDGE)
    return score / (1.0 - score)
