"""Follow one skeleton in many records at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._wire_skeleton import (
    FIXED32,
    FIXED64,
    LONGEST_VARINT,
    REAL,
    SIZED,
    TEXT,
    WHOLE,
    Followed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from otel_clinical.drift.explode._wire_bytes import Bytes
    from otel_clinical.drift.explode._wire_skeleton import Skeleton, Step

    Places = NDArray[np.intp]
    Flags = NDArray[np.bool_]

_MORE: Final = 0x80  # set in every byte of a varint but the last
_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}


def follow(skeleton: Skeleton, body: Bytes, starts: Places, ends: Places) -> Followed:
    """Return which records from `starts` to `ends` have the skeleton, and where their values are.

    No length is believed: a record that has the skeleton ends where its last field does.
    """
    walk = _Walk(body, starts.copy())
    for step in skeleton.steps:
        walk.take(step)
    return Followed(walk.matches & (walk.at == ends), walk.places, walk.lengths, walk.binary)


class _Walk:
    """One place per record, moved field by field."""

    def __init__(self, body: Bytes, at: Places) -> None:
        self.body = body
        self.at = at
        self.matches: Flags = np.ones(len(at), np.bool_)
        self.places: dict[str, Places] = {}
        self.lengths: dict[str, Places] = {}
        self.binary: list[tuple[Places, int]] = []

    def take(self, step: Step) -> None:
        """Move past one field."""
        if step.wire == SIZED:
            self._sized(step)
        else:
            self._expect(step.head)
            if step.name:
                self.places[step.name] = self.at
            width = _WIDTHS[step.wire] if step.wire in _WIDTHS else self._varint(step.sizes[0])
            self.binary.append((self.at, width))
            self._move(width)

    def _sized(self, step: Step) -> None:
        self._expect(step.head)
        length = self._size(self.at, step.sizes[0])
        self._move(step.sizes[0])
        if step.whole:
            self.matches &= length == len(step.literal)
            if step.literal:
                self._compare(step.literal)
        elif step.literal:
            self._attribute(step, length)
        elif step.width:
            self.matches &= length == step.width
            self.binary.append((self.at, step.width))
        if step.name and not step.literal:
            self.places[step.name], self.lengths[step.name] = self.at, length
        self._move(length)

    def _attribute(self, step: Step, length: Places) -> None:
        """Check that key and value fill the attribute, and note the value if it is read."""
        self._compare(step.literal)
        begin = self.at + len(step.literal)
        if step.width:
            self.matches &= length == len(step.literal) + step.width
            self._number(step, begin)
            return
        inner = self._size(begin, step.sizes[1])
        self.matches &= length == len(step.literal) + step.sizes[1] + inner
        if step.kind:
            self.matches &= self.body.byte(begin + 1) == step.kind
        if step.kind == TEXT:
            size = self._size(begin + 2, 1)
            self.matches &= inner == size + 2
            if step.name:
                self.places[step.name], self.lengths[step.name] = begin + 3, size
        elif step.kind == WHOLE:
            self._passed_whole(begin + 2, inner - 1)

    def _number(self, step: Step, begin: Places) -> None:
        """Note a number of a fixed width."""
        if step.name:
            self.places[step.name] = begin
        self.binary.append((begin, step.width))
        if step.kind != REAL:
            self.matches &= self._whole(begin, step.width)

    def _passed_whole(self, begin: Places, width: Places) -> None:
        """Pass over whole numbers that take `width` bytes each."""
        self.matches &= (width > 0) & (width <= LONGEST_VARINT)
        for place in range(min(int(width.max(initial=0)), LONGEST_VARINT)):
            more = self.body.byte(begin + place) >= _MORE
            self.matches &= (more == (place + 1 < width)) | (place >= width)
            self.binary.append((np.where(place < width, begin + place, begin), 1))

    def _expect(self, head: bytes) -> None:
        if len(head) == 1:
            self.matches &= self.body.byte(self.at) == head[0]
        else:
            self.matches &= self.body.same(self.at, head)
            self.binary.append((self.at, len(head)))
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
        self.binary.append((at, count))
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
