"""A bounded hand-over from many receiving threads to the one writer."""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FullError(Exception):
    """The queue holds as much as it may."""


class ClosedError(Exception):
    """The queue takes nothing any more."""


class BoundedQueue(Generic[Item]):
    """A queue bounded by both items and bytes, emptied in groups.

    Args:
        items: The most items it holds.
        size: The most bytes it holds; one item larger than this still fits into an empty queue.
    """

    def __init__(self, *, items: int, size: int) -> None:
        self._limits = items, size
        self._waiting: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether it takes nothing any more."""
        return self._closed

    def put(self, item: Item, size: int) -> None:
        """Add one item, at once or not at all.

        Raises:
            FullError: A bound is reached.
            ClosedError: `close` was called.
        """
        items, bytes_ = self._limits
        with self._changed:
            if self._closed:
                raise ClosedError
            if self._waiting and (len(self._waiting) >= items or self._bytes + size > bytes_):
                raise FullError
            self._waiting.append((item, size))
            self._bytes += size
            self._changed.notify()

    def take(self, *, timeout: float, items: int, size: int) -> list[Item]:
        """Return what waits, oldest first: at least one item unless `timeout` seconds pass or it is closed.

        Args:
            timeout: Seconds to wait for the first item; nothing is waited for after it.
            items: The most items to return.
            size: Stop after the item with which their bytes reach this.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            group: list[Item] = []
            taken = 0
            while self._waiting and len(group) < items and taken < size:
                item, cost = self._waiting.popleft()
                group.append(item)
                taken += cost
            self._bytes -= taken
            return group

    def wait(self, timeout: float) -> None:
        """Return when something waits or it is closed, or after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)

    def close(self) -> None:
        """Take nothing more; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
