"""What never changes in the records of one skeleton: texts, or at least their lengths.

A mould is learnt from a few records and only a short cut: what it says is compared byte by byte in every record, and a
record that differs is followed field by field. Between two values of no fixed length everything stands at the same
distance, so that a whole run of fields is compared at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._wire_skeleton import FIXED32, FIXED64, REAL, SIZED, TEXT, VARINT, WHOLE, varint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from otel_clinical.drift.explode._wire_skeleton import Skeleton, Step

LONGEST_RUN: Final = 512
"""Bytes that are compared at once."""
BLOCK: Final = 16
"""Records that are compared at once."""
_LONGEST_CONTENT: Final = 400
_ALL, _NONE, _HIGH = 0xFF, 0x00, 0x80
"""Bits of a byte that are compared: of what is fixed, of what may be anything, of ASCII and of numbers."""
_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}
_WORD: Final = 8


class Level(IntEnum):
    """How much of a value differs from record to record."""

    SAME = 0
    WIDTH = 1
    LOOSE = 2


@dataclass(frozen=True)
class Loose:
    """A value of no fixed length at the end of a run.

    Attributes:
        name: Under which it is noted; empty if it is passed over.
        kind: `TEXT`, or `WHOLE` for a number that is passed over.
        lengths: (offset in the run, bytes, by how much it is more) of each length that its own determines, the last of
            which is read.
    """

    name: str
    kind: int
    lengths: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class Run:
    """Bytes of fixed distances.

    Attributes:
        size: Bytes of it.
        mask: (n,) bits that are compared, in words of 8 bytes.
        template: (n,) what they are.
        values: (name, offset, bytes) of the values in it.
        loose: What follows.
    """

    size: int
    mask: NDArray[np.uint64]
    template: NDArray[np.uint64]
    values: tuple[tuple[str, int, int], ...]
    loose: Loose | None

    @cached_property
    def block(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Mask and template of `BLOCK` records one behind the other."""
        return np.tile(self.mask, BLOCK), np.tile(self.template, BLOCK)


@dataclass(frozen=True, eq=False)
class Mould:
    """A skeleton with everything that does not change.

    Attributes:
        levels: Of the value of each step.
        runs: In order.
        same: Texts that are the same in all records, by name.
    """

    levels: tuple[Level, ...]
    runs: tuple[Run, ...]
    same: Mapping[str, str]


def mould_of(skeleton: Skeleton, records: Sequence[bytes], before: Mould | None) -> Mould | None:
    """Return what some `records` of a skeleton have in common.

    Args:
        skeleton: Of all of them.
        records: At least one.
        before: What others had in common: what differed once may differ again.

    Returns:
        None if the skeleton passes over something unseen, or a value is too long.
    """
    rows = [_contents(skeleton, record) for record in records]
    if not skeleton.sound or max((len(content) for row in rows for content in row), default=0) > _LONGEST_CONTENT:
        return None
    known = (Level.SAME,) * len(skeleton.steps) if before is None else before.levels
    steps = zip(known, skeleton.steps, zip(*rows, strict=True), strict=True)
    levels = tuple(max(level, _level(step, contents)) for level, step, contents in steps)
    pressed = _Press()
    same = {}
    for step, level, content in zip(skeleton.steps, levels, rows[0], strict=True):
        pressed.take(step, level, content)
        if step.name and step.kind == TEXT and level is Level.SAME:
            same[step.name] = _text(step, content).decode()
    return Mould(levels, pressed.runs(), same)


def _contents(skeleton: Skeleton, record: bytes) -> list[bytes]:
    """Return the bytes of each step after its tag and length."""
    found, at = [], 0
    for step in skeleton.steps:
        at += len(step.head)
        if step.wire == SIZED:
            size, at = varint(record, at)
        else:
            size = _WIDTHS.get(step.wire, step.sizes[0])
        found.append(record[at : at + size])
        at += size
    return found


def _level(step: Step, contents: Sequence[bytes]) -> Level:
    if step.wire != SIZED or step.whole or step.width:
        return Level.SAME  # its length is part of the skeleton
    alike = len({len(content) for content in contents}) == 1
    if not alike:
        return Level.LOOSE
    if step.kind == WHOLE or len(set(contents)) > 1 or not _is_text(_text(step, contents[0])):
        return Level.WIDTH
    return Level.SAME


def _text(step: Step, content: bytes) -> bytes:
    """Return the text in the content of a step: behind the key, the length of the value, its tag and its length."""
    return content[len(step.literal) + 3 :] if step.literal else content


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Press:
    """Runs while they are made."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._template, self._mask = bytearray(), bytearray()
        self._values: list[tuple[str, int, int]] = []

    def runs(self) -> tuple[Run, ...]:
        """Return all runs."""
        self._end(None)
        return tuple(self._runs)

    def take(self, step: Step, level: Level, content: bytes) -> None:
        """Add one step of the record that the template is made of."""
        if len(self._template) + len(step.head) + 2 + len(content) > LONGEST_RUN:
            self._end(None)
        self._put(step.head, _ALL)
        if step.wire != SIZED:
            self._note(step.name, len(content))
            self._put(content, _HIGH if step.wire == VARINT else _NONE)
        elif level is Level.LOOSE:
            self._loose(step, content)
        else:
            self._put(_size(len(content), step.sizes[0]), _ALL)
            self._fixed(step, level, content)

    def _fixed(self, step: Step, level: Level, content: bytes) -> None:
        """Add a content whose length is the same in all records."""
        if step.width or (step.kind == WHOLE):
            head = len(content) - step.width if step.width else len(step.literal) + 2
            self._put(content[:head], _ALL)
            self._note(step.name, step.width)
            self._put(content[head:], _NONE if step.kind in {0, REAL} else _HIGH)
            return
        text = b"" if step.whole else _text(step, content)
        self._put(content[: len(content) - len(text)], _ALL)
        if not step.whole:
            self._note(step.name if step.kind else "", len(text))
        self._put(text, _ALL if level is Level.SAME else _HIGH)

    def _loose(self, step: Step, content: bytes) -> None:
        """Add everything before a value of no fixed length, and end the run there."""
        more = len(step.literal) + 1
        tag = 2 if step.kind == TEXT else 1  # bytes between the length of an attribute's value and the value
        lengths = [(len(self._template), step.sizes[0], more + tag if step.literal else 0)]
        self._put(bytes(step.sizes[0]), _NONE)
        if step.literal:
            self._put(step.literal, _ALL)
            lengths.append((len(self._template), 1, tag))
            self._put(b"\0", _NONE)
            self._put(content[more : more + 1], _ALL)
        if step.kind == TEXT:
            lengths.append((len(self._template), 1, 0))
            self._put(b"\0", _NONE)
        self._end(Loose(step.name, step.kind or TEXT, tuple(lengths)))

    def _note(self, name: str, size: int) -> None:
        if name:
            self._values.append((name, len(self._template), size))

    def _put(self, data: bytes, mask: int) -> None:
        self._template += data
        self._mask += bytes((mask,)) * len(data)

    def _end(self, loose: Loose | None) -> None:
        size = len(self._template)
        wide = max(-(-size // _WORD), 1) * _WORD
        mask = np.frombuffer(bytes(self._mask).ljust(wide, b"\0"), "<u8")
        template = np.frombuffer(bytes(self._template).ljust(wide, b"\0"), "<u8") & mask
        self._runs.append(Run(size, mask, template, tuple(self._values), loose))
        self._template, self._mask, self._values = bytearray(), bytearray(), []


def _size(size: int, count: int) -> bytes:
    """Return a length in `count` bytes."""
    return bytes((size,)) if count == 1 else bytes((size & 0x7F | 0x80, size >> 7))
