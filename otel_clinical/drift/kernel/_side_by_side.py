"""Small streams side by side: what a call costs, dozens of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]
    Key = TypeVar("Key")

MOST: Final = 128
"""Rows of a stream beyond which it is fed faster alone: its calls are worth their while."""
_FEWEST: Final = 2  # rows of a stream, for one of which there is a shorter way
_STREAMS: Final = 4  # that are worth it
_CELLS: Final = 1024  # rows of all of them, so that they stay near the processor


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of several streams, a stream a line; lines that are shorter than the longest are filled up.

    Attributes:
        places: (s, l) which row stands there; of a filled place any.
        there: (s, l) whether it is one of the stream.
        sizes: (s,) rows of each.
        lines: (s,) numbers of the lines.
        last: (s,) where the last row of each line stands.
    """

    places: Places
    there: NDArray[np.bool_]
    sizes: Places
    lines: Places
    last: Places

    @classmethod
    def of(cls, chosen: list[Places]) -> Table:
        """Return the table of streams whose rows are `chosen`, each at least one."""
        sizes = np.array([len(one) for one in chosen], np.intp)
        there = np.arange(sizes.max()) < sizes[:, None]
        places = np.zeros(there.shape, np.intp)
        places[there] = np.concatenate(chosen)
        return cls(places, there, sizes, np.arange(len(chosen)), sizes - 1)

    def looked_up(self, tables: Sequence[Floats], numbers: Places) -> Floats:
        """Return for each place of a line the row of its stream's table that has the number which stands there.

        Args:
            tables: (s, n, ...) of each stream.
            numbers: (s, l) below n.
        """
        size = len(tables[0])
        rows = np.concatenate(tables)
        return rows.take(numbers + size * self.lines[:, None], axis=0)


def sorted_out(
    split: Iterable[tuple[Key, Places]], alike: Callable[[Key], Hashable]
) -> Iterator[list[tuple[Key, Places]]]:
    """Yield streams that are fed together, or one that is fed alone; those of about one length go together.

    Args:
        split: Streams with the places of their rows.
        alike: Tells which streams may go together.
    """
    small: dict[Hashable, list[tuple[Key, Places]]] = {}
    for key, chosen in split:
        if _FEWEST <= len(chosen) <= MOST:
            small.setdefault(alike(key), []).append((key, chosen))
        else:
            yield [(key, chosen)]
    for streams in small.values():
        streams.sort(key=lambda one: len(one[1]))
        while streams:
            group = streams[-max(_CELLS // len(streams[-1][1]), _STREAMS) :]
            del streams[-len(group) :]
            if len(group) >= _STREAMS:
                yield group
            else:
                yield from ([one] for one in group)
