"""Durations, percents and false-alarm budgets: parsed at the edge, plain floats inside."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "mo": 2629800.0,
    "y": 31557600.0,
}
"""Seconds per unit; a month is a twelfth of a year, a year is 365.25 days."""

DURATION_ALLOWED = "a number with a unit: ms, s, m, h, d, w, mo (month) or y, such as 30s, 15m, 1h30m, 3mo"
PERCENT_ALLOWED = "a percent such as 5% or a ratio such as 0.05"
BUDGET_ALLOWED = "N per DURATION with N above 0, such as 1 per 10y"

_NUMBER = r"(?:\d+(?:\.\d+)?)"
_UNITS = r"(?:ms|mo|s|m|h|d|w|y)"
_DURATION = re.compile(rf"(?:{_NUMBER}\s*{_UNITS}\s*)+")
_PART = re.compile(rf"({_NUMBER})\s*({_UNITS})")
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_BUDGET = re.compile(rf"(-?{_NUMBER})\s+(?:per|in|every)\s+(.+)")
_LONGEST = 100 * SECONDS["y"]


def mistake(problem: str, allowed: str) -> PydanticCustomError:
    """Return an error that the loader prints as `problem; allowed: …`."""
    return PydanticCustomError("policy", "{problem}", {"problem": problem, "allowed": allowed})


def parse_duration(value: object) -> float:
    """Return seconds from `30s`, `1h30m`, `3mo`.

    >>> parse_duration("1h30m")
    5400.0
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise mistake(f"{value:g} has no unit", DURATION_ALLOWED)
    text = value.strip() if isinstance(value, str) else ""
    if not _DURATION.fullmatch(text):
        raise mistake(f"{_shown(value)} is not a duration", DURATION_ALLOWED)
    seconds = sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(text))
    if not seconds <= _LONGEST:
        raise mistake(f"{_shown(value)} is longer than 100 years", DURATION_ALLOWED)
    return seconds


def parse_percent(value: object) -> float:
    """Return a ratio in [0, 1] from `5%` or `0.05`.

    >>> parse_percent("5%")
    0.05
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise mistake(f"{_shown(value)} is not a percent", PERCENT_ALLOWED)
    if isinstance(value, str):
        return _percent_of_text(value)
    if value < 0 or not math.isfinite(value):
        raise mistake(f"{value:g} is below 0", PERCENT_ALLOWED)
    if value > 1 or (value == 1 and isinstance(value, int)):
        raise mistake(f"{value:g} may mean {value:g}% or a ratio; write {value:g}%", PERCENT_ALLOWED)
    return float(value)


def _percent_of_text(text: str) -> float:
    match = _PERCENT.fullmatch(text.strip())
    if not match:
        raise mistake(f"{_shown(text)} is not a percent", PERCENT_ALLOWED)
    # Division by 100 after scaling keeps 5% equal to the literal 0.05.
    ratio = float(match[1]) / 100
    if ratio > 1:
        raise mistake(f"{text.strip()} is above 100%", PERCENT_ALLOWED)
    return ratio


@dataclass(frozen=True, slots=True)
class Budget:
    """How many false alarms are accepted in which time, over the whole fleet of one model.

    `count` is above 0; `seconds` is the length of the period.
    """

    count: float
    seconds: float

    @property
    def years(self) -> float:
        """Return the mean time between accepted false alarms, in years."""
        return self.seconds / SECONDS["y"] / self.count

    def __str__(self) -> str:
        return f"{self.count:g} per {duration_text(self.seconds)}"


def parse_budget(value: object) -> Budget:
    """Return the budget from `1 per 10y`.

    >>> parse_budget("1 per 10y").years
    10.0
    """
    if isinstance(value, Budget):
        return value
    match = _BUDGET.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise mistake(f"{_shown(value)} is not a false-alarm budget", BUDGET_ALLOWED)
    count = float(match[1])
    if count <= 0:
        raise mistake(f"a budget of {match[1]} can never be kept; it must be above 0", BUDGET_ALLOWED)
    seconds = parse_duration(match[2])
    if seconds <= 0:
        raise mistake("a budget per no time at all", BUDGET_ALLOWED)
    return Budget(count, seconds)


def duration_text(seconds: float) -> str:
    """Write seconds in the largest unit that divides them.

    >>> duration_text(5400.0)
    '90m'
    """
    for unit in ("y", "mo", "d", "h", "m", "s"):
        size = SECONDS[unit]
        if seconds >= size and math.isclose(seconds / size, round(seconds / size), rel_tol=1e-9):
            return f"{round(seconds / size)}{unit}"
    return f"{seconds:g}s"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _text_or_number(pattern: str, title: str, examples: list[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "title": title, "examples": examples})


_DURATION_SCHEMA = _text_or_number(f"^{_DURATION.pattern}$", "duration", ["30s", "15m", "30d"])
Duration = Annotated[float, BeforeValidator(parse_duration), _DURATION_SCHEMA]
"""Seconds as float, written as `30s`."""

_PERCENT_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": f"^{_PERCENT.pattern}$"},
            {"type": "number", "minimum": 0, "maximum": 1},
        ],
        "title": "percent",
        "examples": ["5%", 0.05],
    }
)
Percent = Annotated[float, BeforeValidator(parse_percent), _PERCENT_SCHEMA]
"""Ratio in [0, 1], written as `5%` or `0.05`."""

FalseAlarms = Annotated[
    Budget,
    BeforeValidator(parse_budget),
    _text_or_number(r"^\d+(\.\d+)?\s+(per|in|every)\s+.+$", "false-alarm budget", ["1 per 3mo", "1 per 10y"]),
]
"""`Budget`, written as `1 per 10y`."""
