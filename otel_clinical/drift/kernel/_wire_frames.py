"""Where the records of a request stand in its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_clinical.drift.kernel._wire_skeleton import UnusualError

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESOURCE_GROUP, _RESOURCE, _SCOPE_GROUP, _SCOPE, _RECORD, _SCHEMA = 0x0A, 0x0A, 0x12, 0x0A, 0x12, 0x1A
_MORE: Final = 0x80  # set in every byte of a varint but the last
_LONGEST_SIZE: Final = 4  # bytes of the length of a field; more is not how anybody writes it


@dataclass(frozen=True)
class Frame:
    """Records of one scope of one resource.

    Attributes:
        group: Ordinal of the resource in the request.
        scope: Ordinal of the scope in its resource.
        starts: Where each record's bytes begin.
        ends: Where they end.
    """

    group: int
    scope: int
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


def frames(body: bytes) -> list[Frame]:
    """Return the frames of a trace or logs request that protobuf has accepted; both number their fields alike.

    Raises:
        UnusualError: It has fields that are not expected, or lengths written in more bytes than needed.
    """
    found = []
    for group, (start, end) in enumerate(_children(body, 0, len(body), _RESOURCE_GROUP, (-1, -1))):
        for scope, (first, last) in enumerate(_children(body, start, end, _SCOPE_GROUP, (_RESOURCE, _SCHEMA))):
            frame = Frame(group, scope)
            _records(body, first, last, frame)
            found.append(frame)
    return found


def _children(body: bytes, start: int, end: int, tag: int, others: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each field `tag`; skip `others`."""
    while start < end:
        found = body[start]
        start, size = _size(body, start + 1)
        if found == tag:
            yield start, start + size
        elif found not in others:
            raise UnusualError
        start += size


def _records(body: bytes, at: int, end: int, frame: Frame) -> None:
    """Note every record of a scope. One loop without calls: it runs once per record."""
    starts, ends = frame.starts, frame.ends
    while at < end:
        tag, size = body[at], body[at + 1]
        at += 2
        if size >= _MORE:
            if body[at] < _MORE:
                size = size & 0x7F | body[at] << 7
                at += 1
            else:
                at, size = _size(body, at - 1)
        if tag == _RECORD:
            starts.append(at)
            ends.append(at + size)
        elif tag not in {_SCOPE, _SCHEMA}:
            raise UnusualError
        at += size


def _size(body: bytes, at: int) -> tuple[int, int]:
    """Return (where the field begins, its length)."""
    size = 0
    for place in range(_LONGEST_SIZE):
        one = body[at + place]
        size |= (one & 0x7F) << 7 * place
        if one < _MORE:
            return at + place + 1, size
    raise UnusualError
