"""What earlier releases wrote, before records carried input features, and before they carried encounters."""

from __future__ import annotations

import numpy as np
import pytest

from otel_clinical.drift._codec import CodecError, pack
from otel_clinical.drift.explode import NO_FEATURES, RECORD, Batch, Kind
from otel_clinical.drift.kernel._slots import PENDING, Slots, unpack_rows
from tests.drift.kernel._world import World, make_kernel, row_of, run

BATCH = World(1).records(300)
HOUR = 3600.0


BEFORE = {1: {"features", "encounter"}, 2: {"encounter"}, 3: set()}
versions = pytest.mark.parametrize("version", [1, 2])


def of_before(rows, version):
    """Return rows in the layout of a version of before."""
    names = [name for name in rows.dtype.names if name not in BEFORE[version]]
    old = np.zeros(len(rows), np.dtype([(name, rows.dtype[name]) for name in names]))
    for name in names:
        old[name] = rows[name]
    return old


def written_as(version, batch):
    raw = of_before(batch.rows, version).view(np.uint8)
    return pack("batch", version, {"words": list(batch.words), "received": batch.received}, {"rows": raw})


@versions
def test_a_journal_entry_of_before_is_read_and_says_nothing_of_features_or_encounters(version):
    again = Batch.from_bytes(written_as(version, BATCH))
    assert of_before(BATCH.rows, version).itemsize < RECORD.itemsize
    assert set(again.rows["encounter"].tolist()) == {0}
    assert again.rows.tobytes() == BATCH.rows.tobytes()
    assert again.rows["features"].tolist() == [list(NO_FEATURES)] * len(BATCH)


def test_an_inference_of_before_is_the_same_to_the_byte_as_one_of_today():
    """Earlier releases kept a hash of its id, which nobody reads: sent again after an update it is a repeat."""
    old = BATCH.rows.copy()
    inferences = old["kind"] == Kind.INFERENCE
    old["inference"][inferences] = np.arange(1, inferences.sum() + 1)
    assert Batch.from_bytes(written_as(3, Batch(old, BATCH.words))).rows.tobytes() == BATCH.rows.tobytes()
    waiting = np.zeros(len(old), PENDING)
    for name in old.dtype.names:
        waiting[name] = old[name]
    read = unpack_rows(pack("pending", 3, {}, {"rows": waiting.view(np.uint8)}))
    assert read["inference"].tolist() == BATCH.rows["inference"].tolist()


def test_half_a_row_of_before_is_refused():
    with pytest.raises(ValueError, match="are not whole records of 70 bytes"):
        Batch.from_bytes(pack("batch", 1, {"words": [""], "received": 1}, {"rows": np.zeros(71, np.uint8)}))


def test_a_later_layout_is_refused():
    with pytest.raises(CodecError, match="expected pending version 4, found pending version 5"):
        unpack_rows(pack("pending", 5, {}, {"rows": np.zeros(0, np.uint8)}))


@versions
def test_records_that_waited_in_the_state_of_before_are_counted_once(version):
    kernel = make_kernel()
    run(kernel, BATCH)
    saved = kernel.dump_dirty()
    old = {
        key: _pending_of_before(data, version) if key.startswith("pending/") else data for key, data in saved.items()
    }
    assert old != saved
    again = make_kernel()
    assert again.load(old) == []
    again.apply(Batch.from_bytes(written_as(version, BATCH)))
    for one in (kernel, again):
        one.advance(to=float(BATCH.rows["time"].max()) / 1e6 + 10 * HOUR)
    assert row_of(again).labels == row_of(kernel).labels == 300


def _pending_of_before(data, version):
    rows = unpack_rows(data)
    return pack("pending", version, {}, {"rows": of_before(rows, version).view(np.uint8)})


@versions
def test_waiting_records_are_equal_whichever_layout_they_came_in(version):
    rows = np.zeros(2, PENDING)
    rows["features"] = NO_FEATURES
    rows["event"] = [1, 2]
    slots = Slots(1)
    slots.add(rows)
    data = pack("pending", version, {}, {"rows": of_before(rows, version).view(np.uint8)})
    slots.load("0/0", unpack_rows(data), moved=True)
    assert len(slots.take(0)[0]) == 2
