"""Which tier a stream has reached: three comparisons, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.semconv.enums import EscalationLevel
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_clinical.drift.kernel._rows import EvidenceRow
    from otel_clinical.policy import Tier

SEVEREST_FIRST: Final = (
    EscalationLevel.ROLLBACK,
    EscalationLevel.GOVERNANCE_REVIEW,
    EscalationLevel.ENGINEERING_REVIEW,
)


def decide_tier(row: EvidenceRow, tiers: Mapping[EscalationLevel, Tier]) -> EscalationLevel:
    """Return the severest tier that `row` reaches: its drop, its evidence and its minimum labels, all three.

    The alert rules compare the exported gauges in the same way; this function is for replays and documentation.
    """
    for level in SEVEREST_FIRST:
        tier = tiers.get(level)
        if tier is not None and _reaches(row, level, tier):
            return level
    return EscalationLevel.NONE


def _reaches(row: EvidenceRow, level: EscalationLevel, tier: Tier) -> bool:
    # The gauges show nothing of fewer: no tier is reached on them, whatever the policy asks for.
    return (
        row.samples >= max(tier.minimum_labels, SMALL_CELL)
        and row.drop >= tier.drop
        and row.evidence.get(level, 0.0) >= 1.0
    )
