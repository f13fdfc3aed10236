"""Endless traffic, cut into turns: any order within a turn, and many repeats, without a record that is too late."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.drift import _wire
from tests.drift.runtime._harness import LOGS, TRACES

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 2.0  # seconds of event time; two of them are less than the lateness of the policy
_REPEATED, _PAYERS = 0.2, ("medicare", "medicaid", "commercial")
_RIGHT, _RIGHT_LATER = 19, 12  # of 20
_LARGEST = 12  # records in a request
_END = 2 * 86400.0

Request = tuple[str, bytes]


@dataclass(frozen=True)
class Traffic:
    """Records as a function of a seed and the number of their window.

    Args:
        seed: Of everything random.
        start: Unix seconds of the first record.
        inferences: In each window.
    """

    seed: int
    start: float
    inferences: int = 12

    def turn(self, number: int, *, ends: bool = False) -> list[Request]:
        """Return the requests of one turn, to be sent in any order and all at once.

        A record of a window is sent in the turn of that number or in the next, some in both.

        Args:
            number: Of the turn.
            ends: Send only what is left of the window before.
        """
        chance = random.Random(f"{self.seed}-{number}")
        records = [record for record, late, again in self._placed(number - 1) if late or again]
        if not ends:
            records += [record for record, late, again in self._placed(number) if again or not late]
        chance.shuffle(records)
        return list(_requests(records, chance))

    def in_order(self, number: int) -> list[Request]:
        """Return the same records once each, in order, one request for each signal."""
        records = [record for record, _, _ in self._placed(number)]
        return [(path, _encode(path, found)) for path in (TRACES, LOGS) if (found := _of(records, path))]

    def last(self, windows: int) -> list[Request]:
        """Return the request that closes the slots of `windows` windows and all that waits for them."""
        far = self.inferences * (windows + 10)
        return [(LOGS, _wire.logs([_wire.outcome(far, self.start + windows * WIDTH + _END)]))]

    def events(self, windows: int) -> dict[str, int]:
        """Return how many different events `windows` windows and the last request hold."""
        return {
            "inference": windows * self.inferences,
            "outcome": windows * self.inferences + 1,
            "review": windows * self.inferences,
        }

    def _placed(self, window: int) -> list[tuple[Any, bool, bool]]:
        """Return (path and record, whether it comes a turn late, whether it comes twice) of one window."""
        if window < 0:
            return []
        chance = random.Random(f"{self.seed}-window-{window}")
        found = []
        for place in range(self.inferences):
            number = window * self.inferences + place
            records = list(self._records(number, chance))
            found += [(record, chance.random() < 0.5, chance.random() < _REPEATED) for record in records]
        return found

    def _records(self, number: int, chance: random.Random) -> Iterator[tuple[str, Any]]:
        at = self.start + number * WIDTH / self.inferences
        after = at + chance.random() * WIDTH / self.inferences
        right = chance.randrange(20) < (_RIGHT if number < 600 else _RIGHT_LATER)
        about = {"segments": {"payer": chance.choice(_PAYERS)}, "confidence": round(chance.uniform(0.5, 1.0), 3)}
        yield TRACES, _wire.span(number, at, quality=round(chance.uniform(0.8, 1.0), 3), **about)
        yield LOGS, _wire.outcome(number, after, inferred=at, result="correct" if right else "incorrect", **about)
        action = "accepted" if right else "edited"
        yield LOGS, _wire.review(number, after, inferred=at, action=action, **about)


def _of(records: list[tuple[str, Any]], path: str) -> list[Any]:
    return [record for kind, record in records if kind == path]


def _requests(records: list[tuple[str, Any]], chance: random.Random) -> Iterator[Request]:
    for path in (TRACES, LOGS):
        rest = _of(records, path)
        while rest:
            size = chance.randint(1, _LARGEST)
            yield path, _encode(path, rest[:size])
            rest = rest[size:]


def _encode(path: str, records: list[Any]) -> bytes:
    return _wire.traces(records) if path == TRACES else _wire.logs(records)
