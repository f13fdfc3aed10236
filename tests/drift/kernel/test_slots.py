"""Waiting records are a set per slot, however they arrive, are saved and come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode._batch import Kind
from otel_clinical.drift.kernel import _ids
from otel_clinical.drift.kernel._ids import DatedIds, IdSet
from otel_clinical.drift.kernel._slots import PENDING, Slots, split, unpack_rows

WIDTH = 10
rows = st.tuples(
    st.integers(0, 29), st.integers(1, 6), st.sampled_from((Kind.INFERENCE, Kind.OUTCOME)), st.integers(0, 1)
)
batches = st.lists(st.lists(rows, max_size=8), max_size=8)
Row = tuple[int, int, Kind, int]


def as_rows(found: list[Row]) -> np.ndarray:
    made = np.zeros(len(found), PENDING)
    for place, (effective, event, kind, score) in enumerate(found):
        made[place]["effective"], made[place]["event"] = effective, event
        made[place]["kind"], made[place]["score"] = kind, score
    return made


def alone(found: list[list[Row]]) -> dict[int, set[bytes]]:
    """Keep records one by one: the rule in its simplest words."""
    slots: dict[int, set[bytes]] = {}
    for row in (row for batch in found for row in batch):
        slots.setdefault(row[0] // WIDTH, set()).update(split(as_rows([row])))
    return slots


def winners(raw: set[bytes]) -> list[bytes]:
    """Return one record per event, the earlier, then that of smaller bytes; by (effective time, event)."""
    first: dict[int, bytes] = {}
    for row in sorted(raw, key=lambda data: (int(np.frombuffer(data, PENDING)["effective"][0]), data)):
        first.setdefault(int(np.frombuffer(row, PENDING)["event"][0]), row)
    found = as_bytes(first.values())
    return list(split(found[np.lexsort((found["event"], found["effective"]))]))


def as_bytes(raw) -> np.ndarray:
    return np.frombuffer(b"".join(raw), PENDING)


@settings(deadline=None)
@given(batches, st.data())
def test_records_are_kept_once_as_if_each_came_alone(arriving, data):
    slots, expected, saved, added = Slots(WIDTH), alone(arriving), {}, 0
    for batch in arriving:
        added += len(slots.add(as_rows(batch)))
        if data.draw(st.booleans()):
            saved |= slots.dump_dirty()
        if saved and data.draw(st.booleans()):
            saved |= slots.dump_dirty()
            slots = Slots(WIDTH)
            for key, blob in saved.items():
                slots.load(key, unpack_rows(blob), moved=False)
    assert added == sum(map(len, expected.values()))
    assert sum(slots.outcomes.values()) == sum(
        int((as_bytes(raw)["kind"] == Kind.OUTCOME).sum()) for raw in expected.values()
    )
    for bound in range(4):
        assert slots.before(bound) == sorted(slot for slot in expected if slot < bound)
    for slot, raw in expected.items():
        taken, repeated = slots.take(slot)
        assert list(split(taken)) == winners(raw)
        assert repeated == len(raw) - len(taken)
        assert slot not in slots.before(99)
    assert not any(slots.outcomes.values())


@settings(deadline=None)
@given(batches, st.randoms())
def test_what_is_saved_does_not_depend_on_the_order_of_arrival(arriving, draw):
    every = [row for batch in arriving for row in batch]
    shuffled = draw.sample(every, len(every))
    saved = []
    for order in (every, shuffled):
        slots = Slots(WIDTH)
        for row in order:
            slots.add(as_rows([row]))
        saved.append(slots.dump_dirty())
    assert saved[0] == saved[1]


ids = st.lists(st.integers(0, 40), max_size=12).map(lambda found: np.unique(np.array(found, np.uint64)))


@settings(deadline=None)
@given(st.lists(ids, max_size=12), ids, st.booleans())
def test_a_set_of_ids_is_a_set(steps, asked, glance):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ids, "_WORTH", 1)
        _behaves(IdSet(glance=glance), steps, asked)


def test_at_a_glance_nothing_in_a_large_set_is_missed():
    draw = np.random.default_rng(7)
    found, expected = IdSet(glance=True), np.zeros(0, np.uint64)
    for size in (3000, 2000, 1, 20_000, 500):
        some = np.setdiff1d(draw.integers(0, 50_000, size, np.uint64), expected)
        found.add(some)
        expected = np.concatenate((expected, some))
        asked = draw.integers(0, 50_000, 3000, np.uint64)
        assert (found.holds(asked) == np.isin(asked, expected)).all()
        assert found.holds(expected).all()


def _behaves(found, steps, asked):
    expected = set()
    for some in steps:
        found.add(some[~found.holds(some)])
        expected |= set(some.tolist())
    assert found.sorted().tolist() == sorted(expected)
    assert len(found) == len(expected)
    assert found.holds(asked).tolist() == [one in expected for one in asked.tolist()]


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), ids, st.integers(0, 9)), max_size=12), ids)
def test_ids_of_an_hour_are_known_until_their_hour_is_forgotten(steps, asked):
    found, expected = DatedIds(), {}
    for adds, some, hour in steps:
        fresh = some[~found.holds(some)]
        if not adds:
            found.forget(hour)
            expected = {one: when for one, when in expected.items() if when >= hour}
        elif len(fresh):
            found.add(fresh, hour)
            expected |= dict.fromkeys(fresh.tolist(), hour)
        assert found.holds(asked).tolist() == [one in expected for one in asked.tolist()]
