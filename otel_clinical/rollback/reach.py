"""Know whether Prometheus can be read: without it nothing is confirmed, so nothing is done."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_CONSEQUENCE: Final = "nothing can be confirmed, so nothing will be done; check --prometheus"


class Reach:
    """Remember whether the last query was answered, and say so once per change.

    Args:
        url: Of Prometheus, without credentials: it is logged and shown.
        clock: Unix seconds.
    """

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._url, self._clock = url, clock
        self._last: float | None = None
        self._because: str | None = None

    @property
    def last(self) -> float | None:
        """Unix time of the last answer, None before the first."""
        return self._last

    def answered(self) -> None:
        """Note a query that was answered."""
        self._last = self._clock()
        if self._because is not None:
            self._because = None
            _log.warning("Prometheus at %s answers again; decisions can be confirmed", self._url)

    def failed(self, because: str) -> None:
        """Note a query that was not, and why in a few words."""
        if self._because is None:
            _log.error("Prometheus at %s cannot be read (%s): %s", self._url, because, _CONSEQUENCE)
        self._because = because

    def problem(self, patience: float) -> str | None:
        """Say why nothing can be confirmed, or None where Prometheus answered within `patience` seconds of now.

        Silence between two queries that were answered is no problem.
        """
        because = self._because
        if self._last is None:
            return f"Prometheus at {self._url} was not read yet ({because or 'not asked yet'}): {_CONSEQUENCE}"
        if because is None or (silent := self._clock() - self._last) <= patience:
            return None
        return f"Prometheus at {self._url} cannot be read for {silent:.0f} s ({because}): {_CONSEQUENCE}"
