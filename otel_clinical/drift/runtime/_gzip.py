"""Decompress a request body without letting it grow past a cap."""

import zlib

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
        CorruptBodyError: Not gzip, a bad checksum, or truncated.

    >>> import gzip
    >>> gunzip(gzip.compress(b"abc") + gzip.compress(b"def"), limit=6)
    b'abcdef'
    """
    parts: list[bytes] = []
    room = limit
    rest = body
    while rest:
        member = zlib.decompressobj(wbits=_GZIP_WINDOW)
        try:
            part = member.decompress(rest, room + 1)
        except zlib.error as error:
            raise CorruptBodyError("the body is not valid gzip") from error
        room -= len(part)
        if room < 0:
            raise TooLargeError(f"the body decompresses to more than {limit} bytes")
        if not member.eof:
            raise CorruptBodyError("the gzip body is truncated")
        parts.append(part)
        rest = member.unused_data
    return b"".join(parts)
