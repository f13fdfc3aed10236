"""One rule for every exit: figures of fewer than eleven patients, or of their outcomes, are not shown."""

from __future__ import annotations

from typing import Final, TypeVar

T = TypeVar("T")

SMALL_CELL: Final = 11
"""Fewer outcomes, records or reviewed suggestions than this say too much about one of them."""


def enough(count: float) -> bool:
    """Return whether figures of `count` patients may be shown; none at all are nobody's.

    >>> enough(11), enough(10), enough(0)
    (True, False, True)
    """
    return count >= SMALL_CELL or count == 0


def if_enough(count: float, figure: T) -> T | None:
    """Return `figure`, or None if it is of a small cell."""
    return figure if enough(count) else None


def count_text(count: int) -> str:
    """Return a number of patients or outcomes for people.

    >>> count_text(4), count_text(1200)
    ('<11', '1200')
    """
    return str(count) if enough(count) else f"<{SMALL_CELL}"
