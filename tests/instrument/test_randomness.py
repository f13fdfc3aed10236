"""Identifiers stay random and their own: across threads, forks and restored snapshots."""

from __future__ import annotations

import os
import threading
import time

import pytest

from otel_clinical.instrument._randomness import RandomBytes


def test_bytes_of_any_size():
    source = RandomBytes()
    assert [len(source(size)) for size in (1, 8, 16, 32)] == [1, 8, 16, 32]


def test_no_two_are_the_same_whatever_thread_asks():
    source, found = RandomBytes(), []

    def take():
        found.extend(source(16) for _ in range(2000))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(found) == 8000


def test_every_bit_varies():
    source = RandomBytes()
    drawn = [int.from_bytes(source(16)) for _ in range(200)]
    ones, zeros = 0, 0
    for one in drawn:
        ones, zeros = ones | one, zeros | ~one
    everything = (1 << 128) - 1
    assert ones == everything
    assert zeros & everything == everything


def test_another_process_has_its_own_even_if_python_was_not_told_of_the_fork(monkeypatch):
    source = RandomBytes()
    source(16)
    stock = list(source._stock)
    monkeypatch.setattr(time, "time_ns", lambda: 0)  # the clock alone must not be what tells them apart
    assert source(16) == stock.pop(), "within one process the stock is used"
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert source(16) not in stock
    assert stock[-1] not in source._stock


def test_twins_of_one_snapshot_part_by_the_clock(monkeypatch):
    twin, other = RandomBytes(), RandomBytes()
    twin(16)
    other._stock = list(twin._stock)
    moments = iter((1_790_000_000_000_000_000, 1_790_000_000_000_000_001))
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    assert twin(16) != other(16)


@pytest.mark.parametrize("size", [8, 16])
def test_the_stock_is_refilled(size):
    source = RandomBytes()
    assert len({source(size) for _ in range(500)}) == 500
