"""Notifications that wait together are committed together, and each is answered by what became of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from otel_clinical.rollback.alerts import Notification
from otel_clinical.rollback.intake import Intake
from otel_clinical.rollback.store import Received


def one(number: int) -> Received:
    return Received(f"{number:064x}", Notification(()), float(number))


def test_what_comes_during_a_commit_is_in_the_next_one_and_in_order():
    begun, go, batches = threading.Event(), threading.Event(), []

    def commit(received):
        batches.append([int(r.at) for r in received])
        begun.set()
        assert go.wait(60)

    async def scene():
        intake = Intake(commit)
        first = asyncio.create_task(intake.put(one(0)))
        await asyncio.to_thread(begun.wait, 60)
        others = [asyncio.create_task(intake.put(one(number))) for number in range(1, 500)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in (first, *others)), "nothing is acknowledged that is not on disk"
        go.set()
        await asyncio.gather(first, *others)

    asyncio.run(scene())
    assert [len(batch) for batch in batches] == [1, 200, 200, 99]
    assert [number for batch in batches for number in batch] == list(range(500))


def test_where_nothing_could_be_committed_all_that_waited_are_told_and_the_next_is_tried():
    problems = [sqlite3.OperationalError("disk full"), None]

    def commit(_received):
        if problem := problems.pop(0):
            raise problem

    async def scene():
        intake = Intake(commit)
        failed = await asyncio.gather(intake.put(one(1)), intake.put(one(2)), return_exceptions=True)
        assert [type(error) for error in failed] == [sqlite3.OperationalError] * 2
        await intake.put(one(3))

    asyncio.run(scene())


def test_who_goes_away_costs_nobody_else_the_answer():
    go = threading.Event()

    async def scene():
        intake = Intake(lambda _received: go.wait(60))
        tasks = [asyncio.create_task(intake.put(one(number))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        await asyncio.gather(tasks[0], tasks[2])

    asyncio.run(scene())
