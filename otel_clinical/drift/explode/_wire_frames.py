"""Where the records of a request stand in its bytes."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from operator import sub
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.drift.explode._bounds import LARGEST, MOST_RECORDS, bound_frames, bound_records, bound_size
from otel_clinical.drift.explode._wire_skeleton import UnusualError

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESOURCE_GROUP, _RESOURCE, _SCOPE_GROUP, _SCOPE, _RECORD, _SCHEMA = 0x0A, 0x0A, 0x12, 0x0A, 0x12, 0x1A
Span = tuple[int, int]
_MORE: Final = 0x80  # set in every byte of a varint but the last
_HEAD: Final = 3  # bytes of tag and length of a record of ordinary size
_STEPS: Final[dict[bytes, int]] = {}
"""Bytes to the next by the tag and length of a record, of those seen that take three bytes: at most 16,384."""
_LONGEST_SIZE: Final = 4  # bytes of the length of a field; more is not how anybody writes it


@dataclass(frozen=True)
class Frame:
    """Records of one scope of one resource.

    Attributes:
        group: Ordinal of the resource in the request.
        scope: Ordinal of the scope in its resource.
        starts: Where each record's bytes begin.
        ends: Where they end.
        around: (start, end) of the scope itself, at most one.
        schemas: (start, end) of the addresses of its schema.
    """

    group: int
    scope: int
    starts: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    around: list[Span] = field(default_factory=list)
    schemas: list[Span] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """One resource with its scopes.

    Attributes:
        resource: (start, end) of the resource itself, at most one.
        frames: Of its scopes.
        schemas: (start, end) of the addresses of its schema.
    """

    resource: list[Span]
    frames: list[Frame]
    schemas: list[Span]


def groups(body: bytes) -> list[Group]:
    """Return where everything stands in a trace or logs request; both number their fields alike.

    Raises:
        UnusualError: It is not as every exporter writes it, or no such request at all.
        TooMuchError: It is made of more than a request may be.
    """
    found: list[Group] = []
    frames = records = 0
    try:
        for place, (_, span) in enumerate(_children(body, 0, len(body))):
            found.append(group := _group(body, place, *span))
            frames += 1 + len(group.frames)
            records += sum(len(frame.starts) for frame in group.frames)
            bound_frames(frames)
            bound_records(records)
    except IndexError:
        raise UnusualError from None
    if len(body) > LARGEST:
        _bound_sizes(found)
    return found


def _bound_sizes(found: list[Group]) -> None:
    for group in found:
        for span in (*group.resource, *(one for frame in group.frames for one in frame.around)):
            bound_size(*span)
        for frame in group.frames:
            bound_size(0, max(map(sub, frame.ends, frame.starts), default=0))


def _group(body: bytes, place: int, start: int, end: int) -> Group:
    group = Group([], [], [])
    for tag, found in _children(body, start, end):
        if tag == _RESOURCE:
            group.resource.append(found)
        elif tag == _SCOPE_GROUP:
            frame = Frame(place, len(group.frames))
            _records(body, *found, frame)
            group.frames.append(frame)
            bound_frames(len(group.frames))
        else:
            group.schemas.append(found)
    if len(group.resource) > 1 or any(len(frame.around) > 1 for frame in group.frames):
        raise UnusualError  # they are merged
    return group


def _children(body: bytes, start: int, end: int) -> Iterator[tuple[int, Span]]:
    """Yield (tag, (start, end)) of each field."""
    top = start == 0
    while start < end:
        tag = body[start]
        start, size = _size(body, start + 1)
        if start + size > end or tag not in ({_RESOURCE_GROUP} if top else {_RESOURCE, _SCOPE_GROUP, _SCHEMA}):
            raise UnusualError
        yield tag, (start, start + size)
        start += size


def _records(body: bytes, at: int, end: int, frame: Frame) -> None:
    """Note every record of a scope."""
    while at < end:
        at = _run(body, at, end, frame)
        if at >= end:
            break
        tag = body[at]
        begin, size = _size(body, at + 1)
        if tag == _RECORD:
            if begin - at == _HEAD:
                _STEPS[body[at:begin]] = _HEAD + size
                continue
            frame.starts.append(begin)
            frame.ends.append(begin + size)
            if len(frame.starts) > MOST_RECORDS:
                bound_records(len(frame.starts))
        elif tag == _SCOPE:
            frame.around.append((begin, begin + size))
        elif tag == _SCHEMA:
            frame.schemas.append((begin, begin + size))
        else:
            raise UnusualError
        at = begin + size
    if at != end:
        raise UnusualError


def _run(body: bytes, at: int, end: int, frame: Frame) -> int:
    """Note records that stand one behind the other and whose tag and length are known; return where it ends.

    One loop with as little in it as can be: it runs once per record.
    """
    edges = array("q", (at,))
    note, steps = edges.append, _STEPS
    try:
        while at < end:
            at += steps[body[at : at + _HEAD]]
            note(at)
    except KeyError:
        pass
    frame.starts.frombytes((np.frombuffer(edges, np.int64)[:-1] + _HEAD).tobytes())
    frame.ends.extend(edges[1:])
    return at


def _size(body: bytes, at: int) -> tuple[int, int]:
    """Return (where the field begins, its length)."""
    size = 0
    for place in range(_LONGEST_SIZE):
        one = body[at + place]
        size |= (one & 0x7F) << 7 * place
        if one < _MORE:
            return at + place + 1, size
    raise UnusualError
