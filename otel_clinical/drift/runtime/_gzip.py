"""Decompress a request body without letting it grow past a cap."""

import zlib

_MEMBERS = 1024
_PIECE = 64 * 1024  # of later members: what follows a member is copied when it ends, and there may be many
_GZIP_WINDOW = 31  # 15 bits of window + 16: expect a gzip header


class TooLargeError(ValueError):
    """A body is, or decompresses to, more bytes than a request may have."""


class CorruptBodyError(ValueError):
    """A body that says it is gzip is not, or stops in the middle."""


def gunzip(body: bytes, limit: int) -> bytes:
    """Return the decompressed `body`, all members of it.

    Args:
        body: A complete gzip stream of one or more members.
        limit: The most bytes the result may have; decompression stops there, so a bomb costs `limit` of memory.

    Raises:
        TooLargeError: The result would pass `limit`.
        CorruptBodyError: Not gzip, a bad checksum, truncated, or of more than 1,024 members.

    >>> import gzip
    >>> gunzip(gzip.compress(b"abc") + gzip.compress(b"def"), limit=6)
    b'abcdef'
    """
    parts: list[bytes] = []
    room, at, members = limit, 0, 0
    rest, member = memoryview(body), None
    while at < len(rest):
        if member is None:
            member, members = zlib.decompressobj(wbits=_GZIP_WINDOW), members + 1
        if members > _MEMBERS:
            raise CorruptBodyError(f"the body has more than {_MEMBERS} gzip members; send one")
        piece = rest[at : at + _PIECE] if members > 1 else rest
        try:
            part = member.decompress(piece, room + 1)
        except zlib.error as error:
            raise CorruptBodyError("the body is not valid gzip") from error
        room -= len(part)
        if room < 0:
            raise TooLargeError(f"the body decompresses to more than {limit} bytes")
        parts.append(part)
        at += len(piece) - len(member.unused_data)
        member = None if member.eof else member
    if member is not None:
        raise CorruptBodyError("the gzip body is truncated")
    return b"".join(parts)
