"""Follow one skeleton in many records at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.kernel._wire_skeleton import FIXED32, FIXED64, REAL, SIZED, TEXT, WHOLE, Followed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.drift.kernel._wire_bytes import Bytes
    from otel_clinical.drift.kernel._wire_skeleton import Skeleton, Step

    Places = NDArray[np.intp]
    Flags = NDArray[np.bool_]

_MORE: Final = 0x80  # set in every byte of a varint but the last
_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}


def follow(skeleton: Skeleton, body: Bytes, starts: Places, ends: Places) -> Followed:
    """Return which records from `starts` to `ends` have the skeleton, and where their values are.

    Protobuf has accepted the request, so texts are UTF-8 and lengths are within bounds; what is passed over need not
    be looked into.
    """
    walk = _Walk(body, starts.copy())
    for step in skeleton.steps:
        walk.take(step)
    return Followed(walk.matches & (walk.at == ends), walk.places, walk.lengths)


class _Walk:
    """One place per record, moved field by field."""

    def __init__(self, body: Bytes, at: Places) -> None:
        self.body = body
        self.at = at
        self.matches: Flags = np.ones(len(at), np.bool_)
        self.places: dict[str, Places] = {}
        self.lengths: dict[str, Places] = {}

    def take(self, step: Step) -> None:
        """Move past one field."""
        if step.wire == SIZED:
            self._sized(step)
        else:
            self._expect(step.head)
            if step.name:
                self.places[step.name] = self.at
            self._move(_WIDTHS[step.wire] if step.wire in _WIDTHS else self._varint(step.sizes[0]))

    def _sized(self, step: Step) -> None:
        self._expect(step.head)
        length = self._size(self.at, step.sizes[0])
        self._move(step.sizes[0])
        if step.literal and step.whole:
            self.matches &= length == len(step.literal)
            self._compare(step.literal)
        elif step.literal:
            self._attribute(step, length)
        elif step.name:
            self.places[step.name], self.lengths[step.name] = self.at, length
        self._move(length)

    def _attribute(self, step: Step, length: Places) -> None:
        """Check that key and value fill the attribute, and note the value if it is read."""
        self._compare(step.literal)
        begin = self.at + len(step.literal)
        if step.kind in {WHOLE, REAL}:
            self.matches &= length == len(step.literal) + step.width
            self.places[step.name] = begin
            if step.kind == WHOLE:
                self.matches &= self._whole(begin, step.width)
            return
        inner = self._size(begin, step.sizes[1])
        self.matches &= length == len(step.literal) + step.sizes[1] + inner
        if step.kind == TEXT:
            size = self._size(begin + 2, 1)
            self.matches &= (self.body.byte(begin + 1) == TEXT) & (inner == size + 2)
            self.places[step.name], self.lengths[step.name] = begin + 3, size

    def _expect(self, head: bytes) -> None:
        if len(head) == 1:
            self.matches &= self.body.byte(self.at) == head[0]
        else:
            self.matches &= self.body.same(self.at, head)
        self.at = self.at + len(head)

    def _compare(self, literal: bytes) -> None:
        self.matches &= self.body.same(self.at, literal)

    def _size(self, at: Places, count: int) -> Places:
        """Return the lengths that stand in `count` bytes at each place; others do not match."""
        low = self.body.byte(at)
        if count == 1:
            self.matches &= low < _MORE
            return low
        high = self.body.byte(at + 1)
        self.matches &= (low >= _MORE) & (high < _MORE)
        return (low & 0x7F) | (high & 0x7F) << 7

    def _whole(self, at: Places, count: int) -> Flags:
        """Say which whole numbers take `count` bytes."""
        ends = self.body.byte(at + count - 1) < _MORE
        return ends if count == 1 else ends & (self.body.byte(at) >= _MORE)

    def _varint(self, count: int) -> int:
        """Check that a number takes `count` bytes, as in the skeleton."""
        for place in range(count):
            more = self.body.byte(self.at + place) >= _MORE
            self.matches &= more if place + 1 < count else ~more
        return count

    def _move(self, by: Places | int) -> None:
        # Records that do not match may point anywhere.
        self.at = np.minimum(self.at + by, self.body.size)
