"""Commit the notifications that wait together: one transaction, one flush of the disk, however many came meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otel_clinical.rollback.store import Received

_TOGETHER: Final = 200
"""Notifications of one transaction at most, so that nobody waits long for its end."""


class Intake:
    """Where requests wait until what they brought is on disk. Belongs to one event loop.

    Args:
        commit: Writes all of them or none; called in a thread, once at a time.
    """

    def __init__(self, commit: Callable[[Sequence[Received]], None]) -> None:
        self._commit = commit
        self._waiting: list[tuple[Received, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def put(self, received: Received) -> None:
        """Return when it is on disk; raise what `commit` raised where it is not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((received, done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                await self._write(taken)
        finally:
            self._flushing = None

    async def _write(self, taken: list[tuple[Received, asyncio.Future[None]]]) -> None:
        problem: BaseException | None = None
        try:
            await run_in_threadpool(self._commit, [received for received, _ in taken])
        except Exception as error:  # noqa: BLE001 -- raised to each that waits
            problem = error
        for _, done in taken:
            if done.done():  # whoever asked has gone away
                continue
            if problem is None:
                done.set_result(None)
            else:
                done.set_exception(problem)
