"""Say times as the person who reads them has them on the wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


@dataclass(frozen=True, slots=True)
class Moments:
    """Times in one zone, seen from `now` (Unix seconds)."""

    now: float
    zone: tzinfo = UTC

    def full(self, at: float | None) -> str:
        """Return date, time and zone; empty for None.

        >>> Moments(0.0).full(90_061.0)
        '1970-01-02 01:01:01 UTC'
        """
        return "" if at is None else f"{self._local(at):%Y-%m-%d %H:%M:%S %Z}"

    def short(self, at: float | None) -> str:
        """Return the time alone where it is of today, else with its date.

        >>> Moments(90_000.0).short(90_061.0), Moments(90_000.0).short(61.0)
        ('01:01 UTC', '1970-01-01 00:01 UTC')
        """
        if at is None:
            return ""
        local = self._local(at)
        today = local.date() == self._local(self.now).date()
        return f"{local:%H:%M %Z}" if today else f"{local:%Y-%m-%d %H:%M %Z}"

    def day_and_time(self, at: float) -> tuple[str, str]:
        """Return the date and the time, apart.

        >>> Moments(0.0).day_and_time(90_061.0)
        ('1970-01-02', '01:01')
        """
        local = self._local(at)
        return f"{local:%Y-%m-%d}", f"{local:%H:%M}"

    def iso(self, at: float | None) -> str:
        """Return what a machine reads."""
        return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def ago(self, at: float | None) -> str:
        """Say how far away a moment is.

        >>> Moments(1000.0).ago(400.0), Moments(1000.0).ago(1040.0), Moments(1000.0).ago(None)
        ('10 min ago', 'in 40 s', 'never')
        """
        if at is None:
            return "never"
        size = span(abs(self.now - at))
        return f"{size} ago" if at <= self.now else f"in {size}"

    def _local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, self.zone)


def span(seconds: float) -> str:
    """Say a span of time roughly, as a person would.

    >>> span(59), span(600), span(7200.0)
    ('59 s', '10 min', '2 h')
    """
    unit, letter = next(((unit, letter) for unit, letter in _UNITS if seconds >= unit), (1.0, "s"))
    return f"{seconds / unit:.0f} {letter}"
