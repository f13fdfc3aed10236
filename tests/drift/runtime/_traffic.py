"""The same requests for every run of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from tests.drift import _wire
from tests.drift.runtime._harness import LOGS, TRACES

PER_REQUEST = 20


@dataclass(frozen=True)
class Traffic:
    """Requests and what is in them.

    Attributes:
        requests: (path, body) in the order in which they are sent.
        inferences: Different inferences of declared models.
        outcomes: Different outcomes.
        undeclared: Spans of a model that is not declared.
    """

    requests: tuple[tuple[str, bytes], ...]
    inferences: int
    outcomes: int
    undeclared: int


def make_traffic(start: float, rounds: int = 30) -> Traffic:
    """Return rounds of a span and an outcome request, four seconds of event time each; the model gets worse halfway.

    A last outcome, a minute later, moves the watermark past all others: no slot but its own stays open, so that
    states are equal byte by byte, however often they were saved on the way.
    """
    made: list[tuple[str, bytes]] = []
    for part, numbers in enumerate(_wire.chunks(range(rounds * PER_REQUEST), PER_REQUEST)):
        times = {n: start + n * 0.2 for n in numbers}
        right = 19 if part < rounds // 2 else 11
        spans = [_wire.span(n, at, quality=0.9 + 0.001 * (n % 50)) for n, at in times.items()]
        spans.append(_wire.span(10**6 + part, start, model="nobody"))
        results = {n: "correct" if n * 7 % 20 < right else "incorrect" for n in numbers}
        outcomes = [_wire.outcome(n, at + 1, inferred=at, result=results[n]) for n, at in times.items()]
        made += [(TRACES, _wire.traces(spans)), (LOGS, _wire.logs(outcomes))]
    count = rounds * PER_REQUEST
    made.append((LOGS, _wire.logs([_wire.outcome(count, start + count * 0.2 + 60)])))
    return Traffic(tuple(made), count, count + 1, rounds)
