"""Read texts and bytes out of what was encoded or compressed, one inside the other."""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import lzma
import re
import warnings
import zlib
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTH: Final = 4
"""How many layers are taken off."""

LIMIT: Final = 1 << 20
"""Bytes taken out of one compressed stream: enough for any telemetry, and no bomb."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_LITERAL: Final = re.compile(r"b(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", re.DOTALL)
_WIDE: Final = ("utf-16-le", "utf-16-be")
_INFLATE_ANY: Final = 47  # zlib or gzip, told by its head


def unpacked(text: str, depth: int = DEPTH) -> Iterator[str]:
    """Yield every text that stands in `text` in base64, hexadecimal, as bytes, in UTF-16, or compressed."""
    if depth:
        for data in dict.fromkeys(_bytes_in(text)):
            yield from unpacked_bytes(data, depth - 1)


def unpacked_bytes(data: bytes, depth: int = DEPTH) -> Iterator[str]:
    """Yield every text that `data` is, or holds compressed."""
    yield data.decode("utf-8", "replace")
    for encoding in _WIDE:
        yield from (data[start:].decode(encoding, "replace") for start in (0, 1))
    if depth:
        for inner in _inflated(data):
            yield from unpacked_bytes(inner, depth - 1)
        yield from unpacked(data.decode("latin-1"), depth - 1)


def _bytes_in(text: str) -> Iterator[bytes]:
    for match in _BASE64.finditer(text):
        run = match[0].rstrip("=").translate(str.maketrans("-_", "+/"))
        yield base64.b64decode(run[: len(run) - (len(run) % 4 == 1)] + "=" * (-len(run) % 4))
    for match in _HEX.finditer(text):
        yield binascii.unhexlify(match[0])
    for match in _LITERAL.finditer(text):
        yield from _written(match[0])
    if "\0" in text or any("\x7f" < character <= "\xff" for character in text):
        yield text.encode("latin-1", "replace")


def _written(literal: str) -> Iterator[bytes]:
    """Yield the bytes that a literal of Python stands for; nothing for noise that only looks like one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown escape in noise is nobody's mistake
        try:
            yield ast.literal_eval(literal)
        except (SyntaxError, ValueError):
            return


class _Decompressor(Protocol):
    def decompress(self, data: bytes, limit: int, /) -> bytes: ...


_FORMATS: Final[tuple[tuple[re.Pattern[bytes], Callable[[], _Decompressor]], ...]] = (
    (re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]"), lambda: zlib.decompressobj(_INFLATE_ANY)),
    (re.compile(rb"BZh[1-9]"), bz2.BZ2Decompressor),
    (re.compile(rb"\xfd7zXZ\x00|\x5d\x00\x00"), lzma.LZMADecompressor),
)


def _inflated(data: bytes) -> Iterator[bytes]:
    for head, decompressor in _FORMATS:
        for match in head.finditer(data):
            try:
                inner = decompressor().decompress(data[match.start() :], LIMIT)
            except (zlib.error, OSError, EOFError, lzma.LZMAError):
                continue
            if inner:
                yield inner
