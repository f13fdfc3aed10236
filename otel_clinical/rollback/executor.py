"""Make a planned change exactly once, however often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.rollback import faults
from otel_clinical.rollback.events import ChangeMade, ChangeRefused, TargetUnreachable
from otel_clinical.rollback.targets import Applied, Unreachable
from otel_clinical.rollback.targets.file import carries

if TYPE_CHECKING:
    from otel_clinical.rollback.state import Intent
    from otel_clinical.rollback.targets import Target


def carry_out(target: Target, intent: Intent, *, first: bool) -> ChangeMade | ChangeRefused | TargetUnreachable:
    """Make the change unless the target carries its marker already, or anybody changed the target since.

    `first`: nobody can have tried before, neither this process nor one that was killed.
    """
    try:
        pointer = target.read()
        if carries(pointer, intent.id):
            return ChangeMade(intent.id, pointer)
        outcome = target.swap(intent.epoch, intent.change, intent.id)
    except Unreachable:
        return TargetUnreachable(intent.incident, "release pointer cannot be read or written")
    faults.reach("after_swap")
    if isinstance(outcome, Applied):
        return ChangeMade(intent.id, outcome.pointer)
    return ChangeRefused(intent.id, outcome.pointer, certain=first)
