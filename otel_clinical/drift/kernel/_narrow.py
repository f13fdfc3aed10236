"""Rows without the bytes that are the same in all of them: what is saved is less than half as much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from otel_clinical.drift._codec import CodecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Parts = list[list[Any]]
"""Of each part: its rows, the first of them in hexadecimal, and the places of the bytes that differ."""


def narrow(rows: NDArray[np.void]) -> tuple[Parts, NDArray[np.uint8]]:
    """Return how `widen` restores the rows, and the bytes that differ among those of one kind.

    Records of one kind and a short time have most of their bytes in common: upper halves of times and counts, names
    that do not change, columns that only another kind has.

    >>> rows = np.array([(1, 256), (1, 257), (2, 7)], [("kind", "<u1"), ("at", "<i8")])
    >>> parts, data = narrow(rows)
    >>> len(data), widen(parts, data, rows.dtype).tolist()
    (2, [(1, 256), (1, 257), (2, 7)])
    """
    parts: Parts = []
    found = [np.zeros(0, np.uint8)]
    for kind in np.flatnonzero(np.bincount(rows["kind"])).tolist():
        own = rows.compress(rows["kind"] == kind)
        table = own.view(np.uint8).reshape(len(own), rows.dtype.itemsize)
        places = np.flatnonzero((table != table[0]).any(axis=0))
        parts.append([len(own), table[0].tobytes().hex(), places.tolist()])
        found.append(table[:, places].ravel())
    return parts, np.concatenate(found)


def widen(parts: Parts, data: NDArray[np.uint8], layout: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the rows of `narrow`, part by part.

    Raises:
        CodecError: They are of another layout, or do not fit the bytes.
    """
    found, start = [np.zeros(0, layout)], 0
    for count, first, places in parts:
        row = np.frombuffer(bytes.fromhex(first), np.uint8)
        end = start + count * len(places)
        if len(row) != layout.itemsize or end > len(data):
            raise CodecError(f"saved rows of {len(row)} bytes where {layout.itemsize} are expected, or cut short")
        table = np.tile(row, (count, 1))
        table[:, places] = data[start:end].reshape(count, len(places))
        found.append(table.reshape(-1).view(layout))
        start = end
    return np.concatenate(found)
