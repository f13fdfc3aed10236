"""What the doctor says about one thing it looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    HINT = "hint"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What was looked at, such as ``endpoint``.
        level: Whether it is as it should be.
        said: What was found, in one sentence without a full stop.
        advice: What to do; empty when there is nothing to do.
    """

    check: str
    level: Level
    said: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return plain values, for JSON."""
        return asdict(self)


def ok(check: str, said: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Level.OK, said)


def hint(check: str, said: str, advice: str) -> Finding:
    """Return a finding that is worth a thought and breaks nothing."""
    return Finding(check, Level.HINT, said, advice)


def problem(check: str, said: str, advice: str) -> Finding:
    """Return a finding that somebody must do something about."""
    return Finding(check, Level.PROBLEM, said, advice)


def skipped(check: str, said: str, advice: str) -> Finding:
    """Return what was not looked at, and how to have it looked at."""
    return Finding(check, Level.SKIPPED, said, advice)
