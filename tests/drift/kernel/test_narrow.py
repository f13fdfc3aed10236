"""Rows are saved without what they have in common, and come back byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.drift._codec import CodecError
from otel_clinical.drift.kernel._narrow import narrow, widen
from otel_clinical.drift.kernel._slots import PENDING, Slots, unpack_rows
from tests.drift.kernel._world import World


@st.composite
def rows(draw: st.DrawFn) -> np.ndarray:
    """Return records of several kinds, some of whose columns are all the same."""
    found = np.zeros(draw(st.integers(0, 40)), PENDING)
    for name in ("effective", "event", "confidence", "segments"):
        if draw(st.booleans()):
            raw = draw(st.binary(min_size=found[name].nbytes, max_size=found[name].nbytes))
            found[name] = np.frombuffer(raw, found[name].dtype.base).reshape(found[name].shape)
    found["kind"] = draw(st.lists(st.integers(0, 255), min_size=len(found), max_size=len(found)))
    return found


@given(rows())
def test_what_comes_back_is_what_was_given_kind_by_kind(given_rows: np.ndarray):
    back = widen(*narrow(given_rows), PENDING)
    assert back.tobytes() == given_rows[np.argsort(given_rows["kind"], kind="stable")].tobytes()


def test_rows_of_another_layout_or_cut_short_are_refused():
    parts, data = narrow(_waiting(50))
    with pytest.raises(CodecError, match="saved rows of"):
        widen(parts, data, np.dtype([("kind", "<u1")]))
    with pytest.raises(CodecError, match="cut short"):
        widen(parts, data[:-1], PENDING)


@pytest.mark.parametrize("size", [5, 300])
def test_a_slot_that_was_saved_is_closed_with_the_same_records(size: int):
    slots, again = Slots(10**15), Slots(10**15)
    slots.add(_waiting(size))
    for key, data in slots.dump_dirty().items():
        again.load(key, unpack_rows(data), moved=False)
    (number,) = slots.before(2**40)
    assert again.take(number)[0].tobytes() == slots.take(number)[0].tobytes()


def test_waiting_records_take_less_than_half_of_their_size():
    slots = Slots(10**15)
    waiting = _waiting(2000)
    slots.add(waiting)
    assert sum(map(len, slots.dump_dirty().values())) < waiting.nbytes / 2


def _waiting(size: int) -> np.ndarray:
    batch = World(1).records(size)
    found = np.zeros(len(batch.rows), PENDING)
    for name in batch.rows.dtype.names or ():
        found[name] = batch.rows[name]
    found["effective"] = found["time"]
    return found
