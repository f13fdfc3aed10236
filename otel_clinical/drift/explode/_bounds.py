"""How much one request may be made of: a few bytes can stand for millions of messages, each of which takes memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FRAMES: Final = 16_384
"""Resources and scopes: a Collector's batch of 8,192 records has no more, were each of another resource."""
MOST_RECORDS: Final = 262_144
MOST_ATTRIBUTES: Final = 1_048_576
"""That are looked at one by one, in all resources and records."""
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of one resource, scope or record."""
_SMALL: Final = 64 * 1024  # bytes of a request that cannot stand for much
_DENSE: Final = 1_048_576  # messages of 30 to 50 bytes, decoded
_LARGER: Final = bytes(range(4, 256))
_VARINT, _FIXED64, _SIZED, _FIXED32 = 0, 1, 2, 5
_WIDTHS: Final = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT: Final = 10
_MORE: Final = 0x80  # set in every byte of a varint but the last
_GROUP, _HEAD, _CHILD = 1, 1, 2  # the fields of requests, resources and scopes: both signals number them alike


class TooMuchError(Exception):
    """A request is made of more than it may be; the message says of what, in our words."""


def bound_frames(count: int) -> None:
    """Raise `TooMuchError` if a request has more than `MOST_FRAMES` resources and scopes."""
    if count > MOST_FRAMES:
        raise TooMuchError(f"the request has more than {MOST_FRAMES:,} resources and scopes; send smaller batches")


def bound_records(count: int) -> None:
    """Raise `TooMuchError` if a request has more than `MOST_RECORDS`."""
    if count > MOST_RECORDS:
        raise TooMuchError(f"the request has more than {MOST_RECORDS:,} records; send smaller batches")


def bound_attributes(count: int) -> None:
    """Raise `TooMuchError` if a request has more than `MOST_ATTRIBUTES`."""
    if count > MOST_ATTRIBUTES:
        raise TooMuchError(f"the request has more than {MOST_ATTRIBUTES:,} attributes; send smaller batches")


def bound_size(start: int, end: int) -> None:
    """Raise `TooMuchError` if one resource, scope or record has more than `LARGEST` bytes."""
    if end - start > LARGEST:
        raise TooMuchError(f"a resource, scope or record of the request has more than {LARGEST:,} bytes")


def weigh(body: bytes) -> bool:
    """Count what a request is made of before protobuf turns it into objects; say whether its frame can be read.

    Raises:
        TooMuchError: More than it may be made of.
    """
    if len(body) <= _SMALL:
        return True
    frames = records = 0
    try:
        for _, group in _fields(body, (0, len(body)), {_GROUP}):
            frames += 1
            for number, part in _fields(body, group, {_HEAD, _CHILD}):
                if number == _HEAD:
                    bound_size(*part)
                    continue
                frames += 1
                bound_frames(frames)
                for inner, leaf in _fields(body, part, {_HEAD, _CHILD}):
                    records += inner == _CHILD
                    bound_records(records)
                    bound_size(*leaf)
            bound_frames(frames)
    except IndexError:
        return False
    return True


def is_dense(body: bytes) -> bool:
    """Say whether so many messages of a few bytes may be in it that all of them at once would be too many objects.

    The length of each is a small byte; in texts and names there are none, in numbers there may be.
    """
    return len(body) > _SMALL and len(body.translate(None, _LARGER)) > _DENSE


def _fields(body: bytes, span: tuple[int, int], wanted: set[int]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield (number, (start, end)) of the fields with a length that are wanted.

    Raises:
        IndexError: It is no message, or has groups, which OTLP has not.
    """
    at, end = span
    while at < end:
        tag, at = _varint(body, at)
        number, wire = tag >> 3, tag & 7
        if wire == _SIZED:
            size, begin = _varint(body, at)
            at = begin + size
            if at <= end and number in wanted:
                yield number, (begin, at)
        elif wire == _VARINT:
            _, at = _varint(body, at)
        elif wire in _WIDTHS:
            at += _WIDTHS[wire]
        else:
            raise IndexError
    if at != end:
        raise IndexError


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """Return (value, place after it)."""
    value = 0
    for place in range(_LONGEST_VARINT):
        one = body[at + place]
        value |= (one & 0x7F) << 7 * place
        if one < _MORE:
            return value, at + place + 1
    raise IndexError
