"""Read times and numbers out of a row's words; what cannot be read is named by its column, never quoted."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_clinical.backtest._mapping import Clock

DAY = 86400.0
_EARLIEST, _LATEST = 0.0, 4102444800.0  # 1970 to 2100: anything else is a mistaken format


class BadRowError(ValueError):
    """A row cannot be used; the text names the column and what was expected."""


def moment(word: str, clock: Clock, column: str) -> float:
    """Return unix seconds of a time written as `clock` declares; raise `BadRowError` naming the column."""
    if clock.format == "unix":
        seconds = number(word, column)
    else:
        try:
            read = datetime.fromisoformat(word) if clock.format == "iso8601" else _strptime(word, clock.format)
        except ValueError:
            raise BadRowError(f"column {column} holds no time of the form {clock.format}") from None
        if read.tzinfo is None:
            read = datetime.fromisoformat(f"{read.isoformat()}{clock.utc_offset}")
        seconds = read.timestamp()
    if not _EARLIEST <= seconds <= _LATEST:
        raise BadRowError(f"column {column} lies outside 1970 to 2100")
    return seconds


def _strptime(word: str, form: str) -> datetime:
    return datetime.strptime(word, form)  # noqa: DTZ007  -- the declared offset is added where the time has none


def number(word: str, column: str) -> float:
    """Return a finite number; raise `BadRowError` naming the column."""
    try:
        value = float(word)
    except ValueError:
        raise BadRowError(f"column {column} holds no number") from None
    if not math.isfinite(value):
        raise BadRowError(f"column {column} holds no finite number")
    return value
