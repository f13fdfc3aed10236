"""Which inferences had their outcome: saved in pieces, known as one."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from otel_clinical.drift.kernel import _fed
from otel_clinical.drift.kernel._fed import Fed

HOUR = 3_600_000_000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_fed, "_CHUNK", 100)


def ids(first: int, count: int = 40) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.uint64)


def restored(saved: dict[str, bytes]) -> Fed:
    again = Fed()
    for key, data in sorted(saved.items()):
        if data:
            again.load(key, data)
    return again


def test_an_hour_is_saved_in_pieces_and_only_the_last_is_written_again():
    fed, saved, sizes = Fed(), {}, []
    for number in range(20):
        fed.add(ids(1000 * number + 1), 5 * HOUR + number)
        written = fed.dump_dirty()
        saved |= written
        sizes.append(sum(map(len, written.values())))
    assert set(saved) == {"5", *(f"5/{number}" for number in range(1, 7))}
    assert max(sizes) < 3 * min(sizes) + 200
    again = restored(saved)
    for number in range(20):
        assert again.holds(ids(1000 * number + 1)).all()
    assert not again.holds(ids(500)).any()


def test_pieces_do_not_depend_on_when_they_were_saved_or_on_a_restart():
    often, seldom = Fed(), Fed()
    kept: dict[str, bytes] = {}
    for number in range(9):
        for fed in (often, seldom):
            fed.add(ids(1000 * number + 1), HOUR)
        kept |= often.dump_dirty()
        often = restored(kept)
    assert kept == seldom.dump_dirty()


def test_a_forgotten_hour_leaves_nothing_behind():
    fed = Fed()
    for number in range(9):
        fed.add(ids(1000 * number + 1), HOUR)
    fed.add(ids(10**6), 2 * HOUR)
    saved = fed.dump_dirty()
    fed.forget(2 * HOUR)
    gone = fed.dump_dirty()
    assert gone == {key: b"" for key in saved if key.startswith("1")}
    assert not fed.holds(ids(1)).any()
    assert fed.holds(ids(10**6)).all()


def test_an_hour_that_was_saved_as_one_goes_on_in_pieces():
    whole = Fed()
    whole.load("7", _fed.pack("fed", 1, {}, {"ids": ids(1, 500)}))
    whole.add(ids(10_000), 7 * HOUR)
    assert set(whole.dump_dirty()) == {"7/1"}
    assert whole.holds(ids(1, 500)).all()


def test_what_is_saved_is_held_once_with_its_hour():
    fed, count = Fed(), 2000
    tracemalloc.start()
    try:
        for number in range(100):
            fed.add(ids(10_000 * number + 1, count), number * HOUR)
            fed.dump_dirty()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 13 * 100 * count
    fed.forget(60 * HOUR)
    assert not fed.holds(ids(590_001, count)).any()
    assert fed.holds(ids(600_001, count)).all()


def test_an_hour_that_was_forgotten_in_pieces_is_deleted_after_a_restart():
    fed = Fed()
    for number in range(9):
        fed.add(ids(1000 * number + 1), HOUR)
    saved = fed.dump_dirty()
    again = restored(saved)
    again.forget(2 * HOUR)
    assert again.dump_dirty() == dict.fromkeys(saved, b"")
    assert not again.holds(ids(1)).any()
