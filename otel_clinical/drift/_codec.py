"""States and micro-batches as bytes: a checked header and plain arrays, never a pickle."""

from __future__ import annotations

import json
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_MAGIC: Final = b"OTCL"
_HEAD: Final = 12  # magic, CRC-32 of the rest, length of the header
_encode: Final = json.JSONEncoder(sort_keys=True, check_circular=False, separators=(",", ":")).encode
"""Made once: to make one takes longer than what it does."""
_TYPES: Final = frozenset({"|u1", "<i8", "<u8", "<f8"})


class CodecError(ValueError):
    """Bytes that are damaged, or not of the kind and version asked for."""


def pack(kind: str, version: int, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return `meta` (JSON values; floats keep every bit) and `arrays` (1-D or 2-D) as bytes.

    The same input gives the same bytes, so equal states can be compared as bytes.
    """
    return pack_encoded(kind, version, encode(meta), arrays)


def encode(value: Any) -> bytes:
    """Return a JSON value as `pack` writes it."""
    return _encode(value).encode()


def pack_encoded(kind: str, version: int, meta: bytes, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Do what `pack` does with what `encode` returned, or with bytes that are the same."""
    shapes = _shapes(tuple([(name, array.dtype, array.shape) for name, array in arrays.items()]))
    return _sealed(_beginning(kind, version), meta, shapes, [array.tobytes() for array in arrays.values()])


def pack_bytes(kind: str, version: int, meta: bytes, name: str, content: bytes) -> bytes:
    """Do what `pack_encoded` does with one array of bytes.

    >>> pack_bytes("a", 1, b"{}", "x", b"12") == pack("a", 1, {}, {"x": np.frombuffer(b"12", np.uint8)})
    True
    """
    return _sealed(_beginning(kind, version), meta, b'[["%b","|u1",[%d]]]' % (name.encode(), len(content)), [content])


def unpack(data: bytes, kind: str, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the (meta, arrays) that `pack` was given; the arrays may be written to.

    Raises:
        CodecError: Damaged bytes, or another kind or version.
    """
    _, meta, arrays = unpack_any(data, kind, (version,))
    return meta, arrays


def unpack_any(data: bytes, kind: str, versions: Sequence[int]) -> tuple[int, dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the (version, meta, arrays) of a state of any of `versions`, the newest first.

    Raises:
        CodecError: Damaged bytes, or another kind or version.
    """
    if len(data) < _HEAD or data[:4] != _MAGIC:
        raise CodecError(f"not a saved {kind}: {len(data)} bytes without the expected beginning")
    if zlib.crc32(data[8:]) != int.from_bytes(data[4:8], "little"):
        raise CodecError(f"saved {kind} is damaged: checksum does not match")
    end = _HEAD + int.from_bytes(data[8:_HEAD], "little")
    found_kind, found_version, meta, shapes = json.loads(data[_HEAD:end])
    if found_kind != kind or found_version not in versions:
        raise CodecError(f"expected {kind} version {versions[0]}, found {found_kind} version {found_version}")
    return found_version, meta, _arrays(data, end, shapes)


def holds(data: bytes, kind: str, version: int, *parts: str) -> bool:
    """Say whether `data` is undamaged, of this kind and version, and has all `parts` in it, without reading it.

    >>> holds(pack("a", 1, {"of": "x1"}, {}), "a", 1, "x1")
    True
    """
    if len(data) < _HEAD or data[:4] != _MAGIC or zlib.crc32(data[8:]) != int.from_bytes(data[4:8], "little"):
        return False
    begins = data.startswith(_beginning(kind, version), _HEAD)
    return begins and all(part.encode() in data for part in parts)


def _sealed(beginning: bytes, meta: bytes, shapes: bytes, contents: Sequence[bytes]) -> bytes:
    header = b"%b,%b,%b]" % (beginning, meta, shapes)
    rest = b"".join((len(header).to_bytes(4, "little"), header, *contents))
    return b"".join((_MAGIC, zlib.crc32(rest).to_bytes(4, "little"), rest))


@lru_cache
def _beginning(kind: str, version: int) -> bytes:
    return json.dumps([kind, version])[:-1].replace(" ", "").encode()


@lru_cache(4096)
def _shapes(arrays: tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...]) -> bytes:
    return _encode([[name, kind.str, list(shape)] for name, kind, shape in arrays]).encode()


def _arrays(data: bytes, start: int, shapes: list[tuple[str, str, list[int]]]) -> dict[str, NDArray[Any]]:
    arrays = {}
    for name, kind, shape in shapes:
        if kind not in _TYPES:
            raise CodecError(f"array {name!r} has type {kind!r}; expected one of {', '.join(sorted(_TYPES))}")
        dtype = np.dtype(kind)
        size = int(np.prod(shape)) * dtype.itemsize
        arrays[name] = np.frombuffer(data[start : start + size], dtype).reshape(shape).copy()
        start += size
    return arrays
