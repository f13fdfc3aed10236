"""Say the result of a guard, with the numbers it rests on."""

from __future__ import annotations

import math
from typing import Final

from otel_clinical.rollback.state import GuardReport
from otel_clinical.semconv.enums import RollbackGuardName, RollbackGuardResult

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0


def passed(guard: RollbackGuardName, because: str, **facts: float | None) -> GuardReport:
    """Report that a guard has nothing against acting."""
    return GuardReport(guard, RollbackGuardResult.PASS, because, _numbers(facts))


def failed(guard: RollbackGuardName, because: str, **facts: float | None) -> GuardReport:
    """Report that a fact speaks against acting."""
    return GuardReport(guard, RollbackGuardResult.FAIL, because, _numbers(facts))


def unknown(guard: RollbackGuardName, because: str, **facts: float | None) -> GuardReport:
    """Report that a fact is missing."""
    return GuardReport(guard, RollbackGuardResult.UNKNOWN, because, _numbers(facts))


def not_compared(guard: RollbackGuardName, because: str, **facts: float | None) -> GuardReport:
    """Report that there is nothing to compare with: neither yes nor no, and no reason to wait."""
    return GuardReport(guard, RollbackGuardResult.NOT_COMPARED, because, _numbers(facts))


def judged(guard: RollbackGuardName, because: str, *, good: bool, **facts: float | None) -> GuardReport:
    """Report pass or fail by `good`."""
    return (passed if good else failed)(guard, because, **facts)


def finite(value: float | None) -> bool:
    """Tell whether there is a number that can be compared."""
    return value is not None and math.isfinite(value)


def _numbers(facts: dict[str, float | None]) -> dict[str, float | None]:
    """Keep what JSON can carry: no NaN, no infinity."""
    return {name: value if finite(value) else None for name, value in facts.items()}


def lasting(seconds: float) -> str:
    """Say a span of time for people.

    >>> lasting(4.2), lasting(900.0), lasting(90_000.0)
    ('4 s', '15 min', '25 h')
    """
    seconds = max(seconds, 0.0)
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.0f} h"
