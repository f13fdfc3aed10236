"""The journal form of a micro-batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.drift._codec import CodecError, pack, unpack
from otel_clinical.drift.explode import RECORD, Batch
from otel_clinical.drift.explode._squeezed import spread, squeeze
from tests.drift.kernel._world import World

WORDS = {"model", "version", "segments"}

BATCH = World(1).records(20)


def spoken(batch):
    """What the records of a batch say, whatever the numbers of its words are."""
    found = []
    for row in batch.rows:
        names = [str(batch.words[place]) for place in (row["model"], row["version"], *row["segments"])]
        found.append((*names, *(row[name].tolist() for name in RECORD.names if name not in WORDS)))
    return found


def test_round_trip():
    again = Batch.from_bytes(BATCH.to_bytes())
    assert again.words == BATCH.words
    assert again.rows.tobytes() == BATCH.rows.tobytes()


def test_an_empty_batch_round_trips():
    assert len(Batch.from_bytes(Batch.empty().to_bytes())) == 0


@given(st.lists(st.integers(0, len(BATCH) - 1), max_size=5))
def test_any_few_rows_round_trip(chosen):
    few = BATCH.take(chosen)
    assert spoken(Batch.from_bytes(few.to_bytes())) == spoken(few)


@given(st.lists(st.integers(0, len(BATCH) - 1), max_size=20), st.integers(0, 2000))
def test_few_records_are_not_written_with_all_the_words_of_a_policy(chosen, more):
    few = BATCH.take(chosen)
    of_many = Batch(few.rows, (*few.words, *map(str, range(more))), few.received)
    again = Batch.from_bytes(of_many.to_bytes())
    assert spoken(again) == spoken(few)
    assert len(again.words) <= max(2 * len(few), 12)


def test_batches_of_the_same_words_are_joined_without_a_look_at_them():
    one, other = BATCH.take([0, 1]), BATCH.take([2])
    joined = Batch.concat([one, other])
    assert joined.words is BATCH.words
    assert spoken(joined) == spoken(one) + spoken(other)


def test_batches_of_different_words_are_joined_by_what_they_say():
    other = Batch.from_bytes(BATCH.take([3]).to_bytes())
    joined = Batch.concat([other, BATCH])
    assert other.words != BATCH.words
    assert spoken(joined) == spoken(other) + spoken(BATCH)


def test_what_is_the_same_in_all_rows_is_written_once():
    many = World(1).records(2000)
    assert len(many.to_bytes()) < 0.5 * many.rows.nbytes


def test_rows_are_small_and_the_layout_is_fixed():
    """Journals of one release are read by the next: a change of layout needs a new version of the codec."""
    assert RECORD.itemsize == 94
    assert RECORD.names == (
        "kind",
        "mark",
        "model",
        "version",
        "segments",
        "activation",
        "score",
        "confidence",
        "quality",
        "time",
        "inferred",
        "event",
        "inference",
        "features",
        "encounter",
    )


@given(place=st.integers(0, len(BATCH.to_bytes()) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(place, bit):
    data = bytearray(BATCH.to_bytes())
    data[place] ^= 1 << bit
    with pytest.raises(CodecError):
        Batch.from_bytes(bytes(data))


@given(size=st.integers(0, len(BATCH.to_bytes()) - 1))
def test_any_cut_is_found(size):
    with pytest.raises(CodecError):
        Batch.from_bytes(BATCH.to_bytes()[:size])


def test_another_kind_or_version_is_refused():
    data = pack("batch", 99, {"words": [""]}, {"rows": np.zeros(0, np.uint8)})
    with pytest.raises(CodecError, match="expected batch version 4, found batch version 99"):
        Batch.from_bytes(data)


@given(st.integers(0, 50), st.sets(st.tuples(st.integers(0, 49), st.integers(0, 93)), max_size=5))
def test_rows_are_the_same_after_squeezing_wherever_they_differ(count, marks):
    raw = np.full((count, RECORD.itemsize), 7, np.uint8)
    for row, column in marks:
        raw[row:][:1, column] = 9
    arrays = squeeze(raw.reshape(-1).view(RECORD))
    assert spread(arrays, RECORD).tobytes() == raw.tobytes()
    differing = [column for column in range(RECORD.itemsize) if len(set(raw[:, column].tolist())) > 1]
    assert arrays["places"].tolist() == differing


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("first", np.zeros((1, 93), np.uint8)),
        ("first", np.zeros((2, 94), np.uint8)),
        ("places", np.array([94], np.uint8)),
        ("places", np.array([1, 2], np.uint8)),
        ("rest", np.zeros((3, 2), np.uint8)),
        ("rest", np.zeros(3, np.uint8)),
    ],
)
def test_squeezed_rows_of_another_shape_are_refused(name, array):
    sound = {
        "first": np.zeros((1, 94), np.uint8),
        "places": np.array([0], np.uint8),
        "rest": np.array([[1], [2], [1]], np.uint8),
    }
    meta = {"words": ["", "a"], "received": 1}
    assert Batch.from_bytes(pack("batch", 4, meta, sound)).rows["kind"].tolist() == [1, 2, 1]
    with pytest.raises(ValueError, match=r"are not records of 94 bytes|past its 94 bytes"):
        Batch.from_bytes(pack("batch", 4, meta, sound | {name: array}))


def test_rows_that_point_past_the_words_are_refused():
    wrong = Batch(BATCH.rows, ("",))
    with pytest.raises(ValueError, match="points past the 1 words"):
        Batch.from_bytes(wrong.to_bytes())


def test_concat_translates_words():
    one = Batch(BATCH.rows[:1], BATCH.words)
    other = Batch(np.zeros(1, RECORD), ("", "else"))
    other.rows["model"] = 1
    both = Batch.concat([one, other])
    assert both.words[int(both.rows["model"][0])] == "coding"
    assert both.words[int(both.rows["model"][1])] == "else"
    assert len(Batch.concat([])) == 0


def test_floats_keep_every_bit():
    numbers = np.array([0.1, -0.0, np.inf, -np.inf, 5e-324, np.nan])
    meta, arrays = unpack(pack("x", 1, {"third": 1 / 3}, {"a": numbers}), "x", 1)
    assert meta["third"] == 1 / 3
    assert arrays["a"].tobytes() == numbers.tobytes()
