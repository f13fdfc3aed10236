"""Identifiers stay random and their own: across threads, forks and restored snapshots."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time

import pytest

from otel_clinical.instrument import _randomness
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


def drawn_in_a_child(source, fork):
    """Return what a forked child draws first."""
    read, write = os.pipe()
    child = fork()
    if child == 0:
        try:
            os.write(write, source(16))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    found = os.read(read, 16)
    os.close(read)
    os.close(write)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="forks below Python, by the C library of Linux")
@pytest.mark.parametrize("page", [True, False])
def test_another_process_has_its_own_even_if_python_was_not_told_of_the_fork(monkeypatch, page):
    source = RandomBytes()
    if not page:  # a kernel that wipes no pages
        monkeypatch.setattr(_randomness, "_MADV_WIPEONFORK", -1)
    source(16)
    stock = list(source._stock)
    monkeypatch.setattr(time, "time_ns", lambda: 0)  # the clock alone must not be what tells them apart
    drawn = drawn_in_a_child(source, ctypes.CDLL(None).fork)
    assert len(drawn) == 16
    assert drawn not in stock
    assert source(16) == stock.pop(), "within one process the stock is used"


def test_the_background_thread_refills_the_stock_before_a_caller_has_to(monkeypatch):
    source = RandomBytes()
    source.refill()
    assert not source._stock, "a process that makes no identifiers fetches none"
    source(16)
    source.refill()
    monkeypatch.setattr(os, "urandom", None)
    found = {source(16) for _ in range(500)}
    assert len(found) == 500


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
