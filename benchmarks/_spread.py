"""Where the parts of a simulation are done: on every core, or here."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Part = TypeVar("Part")
Result = TypeVar("Result")


class Spread(Protocol):
    """Does the work for each part; the results come in the order of the parts."""

    def __call__(self, work: Callable[[Part], Result], parts: Iterable[Part], /) -> Iterable[Result]:
        """Return the results."""


@contextmanager
def every_core() -> Iterator[Spread]:
    """Spread over processes, one per core."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield pool.map


@contextmanager
def here() -> Iterator[Spread]:
    """Do one part after the other: for few of them, a process costs more than it saves."""
    yield map
