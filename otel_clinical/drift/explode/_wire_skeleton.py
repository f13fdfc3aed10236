"""The skeleton of a record: its fields and attribute keys in their order, learnt from one and followed in many.

An exporter writes the records of a program alike: the same fields and keys in the same order, only values and their
lengths differ. A skeleton is taken from one record. All others are followed along it together, each with a place of
its own, and every byte that is no value is compared: what is not exactly alike falls out and is decoded in general.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.intp]
    Flags = NDArray[np.bool_]

_MORE: Final = 0x80  # set in every byte of a varint but the last
_KEY, _VALUE = 0x0A, 0x12  # of a KeyValue
TEXT, TRUTH, WHOLE, REAL = 0x0A, 0x10, 0x18, 0x21
"""Tags of an AnyValue: text, truth value, whole number, double."""
VARINT, FIXED64, SIZED, FIXED32 = 0, 1, 2, 5
"""Wire types."""
_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}
LONGEST_LITERAL: Final = 512
"""Bytes of the longest key that is compared."""
LONGEST_VARINT: Final = 9
"""Bytes of a number; a tenth can only hold one bit, and the general decoder knows which."""
_NUMBERS: Final = {TRUTH: (1,), WHOLE: (1, 2), REAL: (8,)}
"""Bytes that a value of each kind may have."""
_SHORT: Final = 32
"""Bytes of a field that is compared as a whole because it is neither text nor raw."""
_TAG_BYTES: Final = 2  # of the highest field that OTLP has


class UnusualError(Exception):
    """A record that is not written as exporters write; the general decoder knows what it means."""


@dataclass(frozen=True)
class Layout:
    """Which bytes of a record matter.

    Attributes:
        attributes: Tag of its attributes.
        wanted: Keys of the attributes that are read.
        fields: Names of the fields that are read, by tag; each may occur once.
        texts: Tags of its texts.
        raw: Tags of its fields of raw bytes.
        literal: Tag of a text that is the same in all records of one skeleton; 0 for none.
    """

    attributes: int
    wanted: frozenset[bytes]
    fields: Mapping[int, str]
    texts: frozenset[int]
    raw: frozenset[int]
    literal: int = 0


@dataclass(frozen=True)
class Step:
    """One field of a record.

    Attributes:
        name: Field or attribute key under which its value is noted; empty for values that are passed over.
        head: The bytes of its tag.
        wire: Wire type.
        sizes: Bytes of its length, and of the length of the attribute's value.
        literal: What must follow the length: key and beginning of the value, or the whole content.
        kind: Tag of the attribute's value; 0 if it is passed over.
        width: Bytes of a number that is noted, or of raw bytes; 0 if they may differ.
        whole: Whether `literal` is the whole content.
    """

    name: str
    head: bytes
    wire: int
    sizes: tuple[int, int] = (1, 1)
    literal: bytes = b""
    kind: int = 0
    width: int = 0
    whole: bool = False


@dataclass(frozen=True)
class Skeleton:
    """The fields of a record in order.

    Attributes:
        steps: One per field.
        kinds: Tag of the value by the key of each attribute that is read.
        literal: Content of the layout's literal field.
        sound: Whether nothing is passed over unseen: a record that has the skeleton is one that protobuf accepts, if
            its texts are.
    """

    steps: tuple[Step, ...]
    kinds: Mapping[str, int]
    literal: bytes = b""
    sound: bool = False


@dataclass(frozen=True, eq=False)
class Followed:
    """Values of the records that have the skeleton.

    Attributes:
        matches: Which of the records asked for.
        places: Where each value begins, by name, for all that were asked for.
        lengths: Bytes of each value.
        binary: (places, width) of everything that is not text.
        words: Bytes of some of the texts, as `Bytes.words` reads them.
    """

    matches: Flags
    places: Mapping[str, Places]
    lengths: Mapping[str, Places]
    binary: Sequence[tuple[Places, int]]
    words: Mapping[str, NDArray[np.uint64]] = field(default_factory=dict)


def skeleton_of(record: bytes, layout: Layout) -> Skeleton:
    """Return the skeleton of a record that protobuf has accepted.

    Raises:
        UnusualError: It cannot serve as one: a field twice, a group, a value of a type that is not expected.
    """
    steps, at, literal, literals = [], 0, b"", 0
    while at < len(record):
        tag, start = varint(record, at)
        head, wire = record[at:start], tag & 7
        if len(head) > _TAG_BYTES:
            raise UnusualError
        if wire in _WIDTHS:
            steps.append(Step(layout.fields.get(tag, ""), head, wire))
            at = start + _WIDTHS[wire]
        elif wire == VARINT:
            _, at = varint(record, start)
            steps.append(Step("", head, wire, (at - start, 1)))
        elif wire == SIZED:
            size, begin = varint(record, start)
            at = begin + size
            step = _sized(record[begin:at], tag, head, begin - start, layout)
            if tag == layout.literal:
                literal, literals = step.literal, literals + 1
            steps.append(step)
        else:
            raise UnusualError
    names = [step.name for step in steps if step.name]
    longest = max((len(step.literal) for step in steps), default=0)
    if len(set(names)) < len(names) or literals > 1 or longest > LONGEST_LITERAL:
        raise UnusualError
    kinds = {step.name: step.kind for step in steps if step.name and step.kind}
    return Skeleton(tuple(steps), kinds, literal, all(_is_seen(step, layout) for step in steps))


def _is_seen(step: Step, layout: Layout) -> bool:
    """Say whether a step looks at everything that protobuf could refuse."""
    if step.wire != SIZED:
        return step.sizes[0] <= LONGEST_VARINT
    if step.whole or step.kind or step.width:
        return True
    return not step.literal and step.head[0] in layout.texts


def resembles(record: bytes, skeleton: Skeleton) -> bool:
    """Say whether a record has the tags and keys of a skeleton: enough to try it on many, not to trust it."""
    at = 0
    for step in skeleton.steps:
        if not record.startswith(step.head, at):
            return False
        at += len(step.head)
        if step.wire != SIZED:
            at += _WIDTHS.get(step.wire, step.sizes[0])
            continue
        try:
            size, at = varint(record, at)
        except UnusualError:
            return False
        if not record.startswith(step.literal, at):
            return False
        at += size
    return at == len(record)


def _sized(content: bytes, tag: int, head: bytes, size: int, layout: Layout) -> Step:
    """Return the step of a field with a length."""
    if size > _TAG_BYTES:
        raise UnusualError
    if tag == layout.attributes:
        return _attribute(content, head, size, layout)
    name, sizes = layout.fields.get(tag, ""), (size, 1)
    if tag in layout.raw:
        return Step(name, head, SIZED, sizes, width=len(content))
    whole = tag == layout.literal or (tag not in layout.texts and len(content) <= _SHORT)
    return Step(name, head, SIZED, sizes, content if whole else b"", whole=whole)


def _attribute(content: bytes, head: bytes, size: int, layout: Layout) -> Step:
    """Return the step of an attribute: a key, then a value that fills the rest, and nothing else."""
    if len(content) < len(head) or content[0] != _KEY:
        raise UnusualError
    length, begin = varint(content, 1)
    end = begin + length
    if end >= len(content) or content[end] != _VALUE:
        raise UnusualError
    inner, value = varint(content, end + 1)
    if value + inner != len(content) or value - end - 1 > _TAG_BYTES:
        raise UnusualError
    key = content[begin:end]
    wanted = key in layout.wanted
    step = Step(key.decode() if wanted else "", head, SIZED, (size, value - end - 1), content[: end + 1])
    kind = content[value] if value < len(content) and step.sizes[1] == 1 else 0
    rest = len(content) - value - 1
    if kind == TEXT and rest > 0 and content[value + 1] == rest - 1:
        return replace(step, kind=kind)
    if kind == WHOLE and not wanted:
        return replace(step, kind=kind)
    # The length of other values is the same in all, and so part of the literal.
    if rest in _NUMBERS.get(kind, ()) and not (wanted and kind == TRUTH):
        return replace(step, kind=kind, width=rest, literal=content[: value + 1])
    if wanted:
        raise UnusualError
    return step


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, place after it)."""
    value = shift = 0
    while True:
        if at >= len(data):
            raise UnusualError
        one = data[at]
        value |= (one & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if one < _MORE:
            return value, at
