"""Rows as bytes without the bytes that are the same in all of them: a third of their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

FIRST, PLACES, REST = "first", "places", "rest"
"""The first row; where the others differ from it; what stands there, row by row."""
_BLOCK: Final = 16  # rows
_WIDEST: Final = 256
"""Bytes of the largest row: places are kept in one byte."""


def squeeze(rows: NDArray[np.void]) -> dict[str, NDArray[np.uint8]]:
    """Return rows as arrays that `spread` takes; the same rows in the same order give the same arrays."""
    raw = _raw(rows)
    first = raw[:1]
    places = np.flatnonzero(_differing(raw))
    rest = raw.take(places, axis=1) if len(places) else raw[:, :1]  # row by row, as it is written
    return {FIRST: first, PLACES: places.astype(np.uint8), REST: rest}


def spread(arrays: Mapping[str, NDArray[Any]], row: np.dtype[np.void]) -> NDArray[np.uint8]:
    """Return the bytes of the rows that `squeeze` was given.

    Raises:
        ValueError: They are no rows of this size.
    """
    first, places, rest = arrays[FIRST], arrays[PLACES], arrays[REST]
    if first.shape != (min(len(rest), 1), row.itemsize) or rest.shape[1:] != (max(len(places), 1),):
        raise ValueError(
            f"{first.shape}, {places.shape} and {rest.shape} bytes are not records of {row.itemsize} bytes"
        )
    if len(places) and int(places.max()) >= row.itemsize:
        raise ValueError(f"a byte of a record stands at {int(places.max())}, past its {row.itemsize} bytes")
    raw = np.empty((len(rest), row.itemsize), np.uint8)
    raw[:] = first
    raw[:, places if len(places) else [0]] = rest
    return raw.reshape(-1)


def _differing(raw: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say in which columns not all rows have the same byte; blocks of rows are read as if they were long rows."""
    whole = len(raw) - len(raw) % _BLOCK
    found = np.asarray((raw[whole:] != raw[:1]).any(axis=0))
    if whole:
        blocks = raw[:whole].reshape(-1, _BLOCK * raw.shape[1])
        some, every = (
            reduce(reduce(blocks, axis=0).reshape(_BLOCK, -1), axis=0)
            for reduce in (np.bitwise_or.reduce, np.bitwise_and.reduce)
        )
        found |= some != every
    return found


def _raw(rows: NDArray[np.void]) -> NDArray[np.uint8]:
    if rows.itemsize > _WIDEST:
        raise ValueError(f"a record has {rows.itemsize} bytes; at most {_WIDEST}")
    return rows.view(np.uint8).reshape(len(rows), rows.itemsize)
