"""Requests that were valid until somebody touched them."""

from __future__ import annotations

import gzip
import random
import time
from typing import TYPE_CHECKING

from tests.drift import _wire
from tests.drift.runtime._harness import LOGS, PROTOBUF, TRACES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)
_LONG = (b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80" * 10)  # as a varint: huge, or endless
_WORDS = (b"clinical_ai", b"\xff\xfe", b"\x00" * 40, b"A" * 300, b"nan", b"\xed\xa0\x80", b"{}")
_KINDS = ("application/json", "text/plain", "", "application/x-protobuf; charset=utf-8", "multipart/form-data")
_ENCODINGS = ("br", "deflate", "GZIP", "gzip, gzip", "\x7f")


class Mutator:
    """Endless requests, each a few steps away from a valid one.

    Args:
        seed: Of everything random.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._valid = _corpus()
        self._steps: tuple[Callable[[bytearray], None], ...] = (
            self._flip,
            self._set,
            self._remove,
            self._repeat,
            self._insert,
            self._lengthen,
            self._cut,
            self._splice,
        )

    def next(self) -> tuple[str, bytes]:
        """Return a path and a body."""
        path, body = self._chance.choice(self._valid)
        mutated = bytearray(body)
        for _ in range(self._chance.choice((0, 1, 1, 1, 2, 4, 16))):
            self._chance.choice(self._steps)(mutated)
        if self._chance.random() < 0.02:
            path = LOGS if path == TRACES else TRACES  # a valid message of the other service
        return path, bytes(mutated)

    def wrap(self, body: bytes) -> tuple[bytes, Mapping[str, str]]:
        """Return what goes over HTTP: the body, sometimes compressed, and headers, sometimes wrong."""
        draw = self._chance.random()
        if draw < 0.75:
            return body, PROTOBUF
        if draw < 0.93:
            packed = bytearray(gzip.compress(body, 1))
            if draw < 0.85:
                self._chance.choice(self._steps)(packed)
            return bytes(packed), {**PROTOBUF, "Content-Encoding": "gzip"}
        if draw < 0.97:
            return body, {"Content-Type": self._chance.choice(_KINDS)}
        return body, {**PROTOBUF, "Content-Encoding": self._chance.choice(_ENCODINGS)}

    def _place(self, body: bytearray) -> int:
        return self._chance.randrange(len(body)) if body else 0

    def _flip(self, body: bytearray) -> None:
        if body:
            body[self._place(body)] ^= 1 << self._chance.randrange(8)

    def _set(self, body: bytearray) -> None:
        if body:
            body[self._place(body)] = self._chance.choice(_INTERESTING)

    def _remove(self, body: bytearray) -> None:
        place = self._place(body)
        del body[place : place + self._chance.choice((1, 2, 8, 64))]

    def _repeat(self, body: bytearray) -> None:
        place = self._place(body)
        body[place:place] = body[place : place + self._chance.choice((1, 8, 64, 512))]

    def _insert(self, body: bytearray) -> None:
        place = self._place(body)
        body[place:place] = self._chance.choice((*_WORDS, self._chance.randbytes(self._chance.randrange(1, 32))))

    def _lengthen(self, body: bytearray) -> None:
        """Turn a byte, which may be a length or a tag, into a number that nothing is as long as."""
        place = self._place(body)
        body[place : place + 1] = self._chance.choice(_LONG)

    def _cut(self, body: bytearray) -> None:
        del body[self._place(body) :]

    def _splice(self, body: bytearray) -> None:
        """Go on with the rest of another request."""
        _, other = self._chance.choice(self._valid)
        del body[self._place(body) :]
        body += other[self._chance.randrange(len(other)) :]


def _corpus() -> list[tuple[str, bytes]]:
    """Return valid requests of every kind and of several sizes."""
    now = time.time()
    found = []
    for size in (1, 2, 5, 20):
        numbers = range(size)
        found += [
            (TRACES, _wire.traces(_wire.span(n, now) for n in numbers)),
            (LOGS, _wire.logs(_wire.outcome(n, now) for n in numbers)),
            (LOGS, _wire.logs(_wire.review(n, now) for n in numbers)),
            (LOGS, _wire.logs([_wire.change(n, now, version="7", activation=1) for n in numbers])),
        ]
    strange = {"deep": _wire.any_value(b"\x00\xff"), "empty": "", "long": "x" * 5000, "number": 2**62, "half": 0.5}
    found.append((TRACES, _wire.traces([_wire.span(1, now, extra=strange, segments={"payer": "\u2028"})])))
    return found
