"""What found a fault of a known size, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.backtest._inject import Injection


@dataclass(frozen=True)
class Measured:
    """What found one fault, and after how many labels.

    Attributes:
        injection: The fault.
        labels: Labels of the segment value from the fault to the alarm, by method; infinity when it never came, and
            NaN when the method had fired before the fault.
        elsewhere: Other segment values that reached tier 3.
    """

    injection: Injection
    labels: Mapping[str, float]
    elsewhere: tuple[str, ...]

    @property
    def figures(self) -> dict[str, str]:
        """The labels by method, in words where they are no number."""
        return {name: _figure(found) for name, found in self.labels.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values: null where a method never fired, and a list of those that fired before."""
        return {
            "inject": str(self.injection),
            "segment": self.injection.where,
            "drop": self.injection.drop,
            "labels": {name: int(found) if math.isfinite(found) else None for name, found in self.labels.items()},
            "fired_before": [name for name, found in self.labels.items() if math.isnan(found)],
            "tier_3_elsewhere": list(self.elsewhere),
        }


def _figure(labels: float) -> str:
    if math.isnan(labels):
        return "before the fault"
    return "never" if math.isinf(labels) else f"{labels:,.0f}"
