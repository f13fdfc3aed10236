"""Say what is true in the simulated world now: nature, which the telemetry can only observe."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.simulate.population import DEPARTMENTS, NORMAL_MIX, Encounter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What the loss of required fields takes from the accuracy, relative. It is small, because a coder sees the gaps.
_INCOMPLETE_DROP: Final = 0.05
# How much more often a clearly documented encounter is coded rightly than an unclear one, in accuracy per clarity.
_CLARITY_SLOPE: Final = 0.25
_MEAN_CLARITY: Final = 8 / 11


@dataclass(frozen=True, slots=True)
class Truth:
    """How the world behaves during an act; the defaults are a quiet month.

    Args:
        mix: Share of each department, summing to 1.
        payer_drop: Relative loss of accuracy for encounters of a payer, whatever the model version.
        version_drop: Relative loss of accuracy of a model version, everywhere.
        lost_fields: Per EHR system, the share of its records that lose required fields.
        traffic: Share of the declared rate at which encounters arrive; 0 closes the hospitals.
    """

    mix: Mapping[str, float] = field(default_factory=lambda: dict(NORMAL_MIX))
    payer_drop: Mapping[str, float] = field(default_factory=dict)
    version_drop: Mapping[str, float] = field(default_factory=lambda: {"8": 0.25})
    lost_fields: Mapping[str, float] = field(default_factory=dict)
    traffic: float = 1.0

    def accuracy(self, encounter: Encounter, version: str) -> float:
        """Return the probability that ``version`` codes ``encounter`` rightly."""
        easy = _CLARITY_SLOPE * (encounter.clarity - _MEAN_CLARITY)
        base = min(max(DEPARTMENTS[encounter.department].accuracy + easy, 0.0), 1.0)
        kept = 1.0 - self.payer_drop.get(encounter.payer, 0.0)
        kept *= 1.0 - self.version_drop.get(version, 0.0)
        kept *= 1.0 if encounter.complete else 1.0 - _INCOMPLETE_DROP
        return base * kept


QUIET: Final = Truth()


def write_truth(path: Path, truth: Truth) -> None:
    """Replace the world file, so that a reader sees the old truth or the new one and nothing between."""
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(asdict(truth)))
    scratch.replace(path)


class TruthFile:
    """Read the world file again whenever it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._truth = QUIET

    def current(self) -> Truth:
        """Return the truth that the file holds now.

        Raises:
            OSError: The file is gone.
        """
        status = os.stat(self._path)  # noqa: PTH116 - called before every encounter
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._seen:
            content: dict[str, Any] = json.loads(self._path.read_text())
            self._truth, self._seen = Truth(**content), seen
        return self._truth
