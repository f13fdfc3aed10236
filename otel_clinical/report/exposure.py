"""Say how many inferences the degraded version served before something was done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_clinical.semconv.small_cells import SMALL_CELL, enough

UNKNOWN: Final = "Not known"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What was served by `version` in `where` between two moments (text); `count` is None where it is not known.

    `problem` says why it is not known.
    """

    version: str
    where: str
    start: str
    end: str
    end_is: str
    count: float | None = None
    problem: str = ""

    @property
    def number(self) -> str:
        """Return the number for people; few patients are not told apart.

        >>> Exposure("8", "all", "", "", "", 4.2).number, Exposure("8", "all", "", "", "", 1234.4).number
        ('fewer than 11', 'about 1,234')
        """
        if self.count is None:
            return UNKNOWN
        whole = round(self.count)
        if not enough(whole):
            return f"fewer than {SMALL_CELL}"
        return f"about {whole:,}" if whole else "none"

    @property
    def sentence(self) -> str:
        """Return the whole of it in one or two sentences."""
        when = f"from {self.start} (change point) to {self.end} ({self.end_is})"
        served = f"version {self.version} in {self.where}, {when}"
        if self.count is None:
            return f"It is not known how many inferences were served by {served}: {self.problem}."
        return f"Served by {served}: {self.number} inferences. Their results may have been worse than usual."
