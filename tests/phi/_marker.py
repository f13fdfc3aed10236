"""A marker for patient data in every form in which it could leave, and the search for it in any bytes."""

from __future__ import annotations

import base64
import gzip
import itertools
import re
import struct
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STEM = "ZQCANARY7F"
"""What all markers begin with and nothing else holds; one search finds them all."""

NUMBER = 773_499_117_734_199
"""A record number: a marker where only a number is taken."""

_numbers = itertools.count()


def marker(place: str) -> str:
    """Return a marker that exists once and says which leaf it was put into."""
    return f"{STEM}{next(_numbers):04d}{place}"


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _percent(raw: bytes) -> bytes:
    return "".join(f"%{byte:02X}" for byte in raw).encode()


def _deflate(raw: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(raw) + compressor.flush()


def _aligned(shift: int) -> Callable[[bytes], bytes]:
    return lambda raw: base64.b64encode(b"x" * shift + raw)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "lower case": bytes.lower,
    "base64, first place": _aligned(0),
    "base64, second place": _aligned(1),
    "base64, third place": _aligned(2),
    "hexadecimal, lower case": lambda raw: raw.hex().encode(),
    "hexadecimal, upper case": lambda raw: raw.hex().upper().encode(),
    "URL-encoded": _percent,
    "URL-encoded, lower case": lambda raw: _percent(raw).lower(),
    "UTF-16 little endian": lambda raw: raw.decode().encode("utf-16-le"),
    "UTF-16 big endian": lambda raw: raw.decode().encode("utf-16-be"),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "deflate": _deflate,
    "gzip in gzip": lambda raw: gzip.compress(gzip.compress(raw)),
    "base64 of gzip": lambda raw: base64.b64encode(gzip.compress(raw)),
    "number": lambda _: str(NUMBER).encode(),
    "number, as varint": lambda _: _varint(NUMBER),
    "number, fixed": lambda _: struct.pack("<q", NUMBER),
    "number, floating": lambda _: struct.pack("<d", NUMBER),
    "number, big endian": lambda _: struct.pack(">q", NUMBER),
}
"""How a marker could be written; the negative controls plant each of them."""

_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]", re.DOTALL)
_DEPTH = 3


def _needles() -> Iterator[tuple[str, bytes, bool]]:
    """Yield name, bytes and whether the case matters."""
    raw = STEM.encode()
    yield "raw", raw.lower(), False
    yield "hexadecimal", raw.hex().encode(), False
    yield "URL-encoded", _percent(raw).lower(), False
    yield "UTF-16", STEM.lower().encode("utf-16-le"), False
    for shift in range(3):
        # What stands before and after the stem decides the characters at its edges: they are left out.
        encoded = base64.b64encode(b"\0" * shift + raw)
        core = encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield "base64", core, True
        yield "base64", core.replace(b"+", b"-").replace(b"/", b"_"), True
    for name in ("number", "number, as varint", "number, fixed", "number, floating", "number, big endian"):
        yield name, ENCODERS[name](b""), True


_NEEDLES = tuple(_needles())


def find(data: bytes, depth: int = _DEPTH) -> set[str]:
    """Return the forms in which markers are in `data`, also inside whatever looks compressed."""
    folded = data.lower()
    found = {name for name, needle, exact in _NEEDLES if needle in (data if exact else folded)}
    if depth:
        for inner in _unpacked(data):
            found |= {f"{name} in compressed data" for name in find(inner, depth - 1)}
    return found


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Yield what is compressed anywhere in `data`, or was before it was written as base64."""
    for match in _COMPRESSED.finditer(data):
        yield from _inflated(data[match.start() :], 47)
    yield from _inflated(data, -15)
    for match in _BASE64_RUN.finditer(data):
        text = match[0].rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        if text.startswith((b"H4sI", b"eJ", b"eN", b"eA")):
            yield base64.b64decode(text + b"=" * (-len(text) % 4) if len(text) % 4 != 1 else text[:-1])


def _inflated(data: bytes, wbits: int) -> Iterator[bytes]:
    try:
        inner = zlib.decompressobj(wbits).decompress(data)
    except zlib.error:
        return
    if len(inner) > 3:
        yield inner


def hits(sinks: dict[str, bytes]) -> dict[str, set[str]]:
    """Return the forms found per sink, without the sinks that hold none."""
    return {name: found for name, data in sinks.items() if (found := find(data))}


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder: databases, their write-ahead logs, quarantine, reports."""
    return {
        f"{folder.name}/{path.relative_to(folder)}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def percent(text: str) -> str:
    """Return a text as it stands in a URL."""
    return quote(text, safe="")
