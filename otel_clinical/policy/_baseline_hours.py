"""The part of a baseline that says how input features differ between the hours of a week."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from otel_clinical.policy._baseline import HourBlock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BAND, SAME_HOUR = "band", "same_hour_of_week"
"""What input features are compared with: the whole baseline, or the same hours of its weeks."""
HOURS: Final = 168
"""Hours of a week; hour 0 begins on Monday, 00:00 UTC."""
ENOUGH: Final = 200
"""Values that hours need to be a reference of their own."""
_DAY, _WEEKDAYS = 24, 5
_MONDAY: Final = 4 * _DAY  # 1 January 1970 was a Thursday


def hour_of_week(time: float) -> int:
    """Return the hour of the week of a time in Unix seconds.

    >>> [hour_of_week(time) for time in (0.0, 345_600.0, 345_599.0)]
    [72, 0, 167]
    """
    return (math.floor(time / 3600) - _MONDAY) % HOURS


def merged_hours(counts: Mapping[int, Sequence[int]], bins: int) -> tuple[HourBlock, ...]:
    """Put together the hours that have too few values to stand alone.

    An hour of the week with `ENOUGH` values is a block of its own. Of the others, the same hour of all weekdays, or of
    Saturday and Sunday, is one; what is still too small is joined by the hour of the day. Hours that are in no block
    have the whole week for their reference.

    Args:
        counts: By hour of the week: inferences in each bin, then unreadable and missing ones.
        bins: How many of them are values.
    """
    blocks, rest = [], sorted(counts)
    for kind in (_itself, _kind_of_day, _hour_of_day):
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for hour in rest:
            groups[kind(hour)].append(hour)
        for hours in groups.values():
            total = tuple(map(sum, zip(*(counts[hour] for hour in hours), strict=True)))
            if sum(total[:bins]) >= ENOUGH:
                blocks.append(HourBlock(tuple(hours), total))
                rest = [hour for hour in rest if hour not in hours]
    return tuple(sorted(blocks, key=lambda block: block.hours))


def _itself(hour: int) -> tuple[int, int]:
    return hour, 0


def _kind_of_day(hour: int) -> tuple[int, int]:
    return hour % _DAY, int(hour // _DAY >= _WEEKDAYS)


def _hour_of_day(hour: int) -> tuple[int, int]:
    return hour % _DAY, 0
