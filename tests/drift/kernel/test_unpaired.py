"""Scores that wait for another version: known by their case, sixteen bytes each, saved in pieces."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift._codec import CodecError, pack
from otel_clinical.drift.kernel import _unpaired
from otel_clinical.drift.kernel._unpaired import Unpaired

ARMS = [("7", 1), ("7", 2), ("8", 1), ("8", 2**31 - 1)]
SCORES = [0, 250_000, 1_000_000]
NEW = st.dictionaries(st.tuples(st.integers(1, 30), st.sampled_from(ARMS)), st.sampled_from(SCORES), max_size=8)
CHANGES = st.lists(st.tuples(st.integers(0, 200), st.sampled_from([None, *SCORES])), max_size=3)
SLOTS = st.lists(st.tuples(NEW, CHANGES, st.integers(0, 2), st.booleans()), max_size=14)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_unpaired, "_CHUNK", 5)


def saved(kept: dict[tuple[str, ...], bytes]) -> dict[tuple[str, ...], bytes]:
    return {key: data for key, data in kept.items() if data}


def restored(kept: dict[tuple[str, ...], bytes]) -> Unpaired:
    again = Unpaired()
    for key, data in sorted(saved(kept).items()):
        again.load(key, data, lambda _, encounter: encounter)
    return again


def add(found: Unpaired, new: dict[Any, int], hour: int) -> None:
    cases = np.array([case for case, _ in new], np.uint64)
    found.add(cases, [arm for _, arm in new], np.array(list(new.values()), np.int64), hour)


@settings(deadline=None)
@given(SLOTS)
def test_it_holds_what_a_dictionary_holds_and_its_bytes_do_not_tell_when_they_were_saved(slots):
    often, seldom, hour = Unpaired(), Unpaired(), 500_000
    kept: dict[tuple[str, ...], bytes] = {}
    known: dict[Any, tuple[int, int]] = {}
    for drawn, changes, later, restart in slots:
        hour += later
        new = {key: score for key, score in drawn.items() if key not in known}
        known |= {key: (score, hour) for key, score in new.items()}
        for found in (often, seldom):
            if new:
                add(found, new, hour)
        for place, score in changes:
            if known:
                case, arm = sorted(known)[place % len(known)]
                for found in (often, seldom):
                    found.put(case, arm, score)
                _, since = known.pop((case, arm))
                known |= {} if score is None else {(case, arm): (score, since)}
        for found in (often, seldom):
            found.forget(hour - 2)
        known = {key: value for key, value in known.items() if value[1] >= hour - 2}
        kept |= dict(often.dump_dirty())
        often = restored(kept) if restart else often
    assert len(often) == len(seldom) == len(known)
    for case in range(1, 31):
        expected = {arm: score for (one, arm), (score, _) in known.items() if one == case}
        assert often.of(case) == seldom.of(case) == expected
    cases = np.arange(1, 31, dtype=np.uint64)
    assert seldom.holds(cases).tolist() == [bool(seldom.of(case)) for case in range(1, 31)]
    assert saved(kept) == saved(dict(seldom.dump_dirty()))


def test_a_checkpoint_writes_what_came_since_the_last_and_not_what_came_in_an_hour():
    found, sizes = Unpaired(), []
    for slot in range(40):
        add(found, {(1000 * slot + n, ("7", 1)): 0 for n in range(4)}, 7)
        sizes.append(sum(len(data) for _, data in found.dump_dirty()))
    assert max(sizes) < 2 * min(sizes)


def test_a_score_that_waits_takes_sixteen_bytes():
    found, count = Unpaired(), 3000
    tracemalloc.start()
    try:
        for hour in range(30):
            add(found, {(10_000 * hour + n, ("7", 1)): 1_000_000 for n in range(count)}, hour)
            list(found.dump_dirty())
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 18.5 * 30 * count


def test_a_service_that_numbers_activations_wildly_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_unpaired, "_MOST_ARMS", 3)
    found = Unpaired()
    add(found, {(n, ("7", n)): 5 for n in range(10)}, 1)
    assert len(found) == 3
    found.forget(2)
    add(found, {(n, ("7", 100 + n)): 5 for n in range(2)}, 2)
    assert found.of(1) == {("7", 101): 5}


def test_an_hour_that_an_earlier_version_saved_goes_on():
    names = [["coding", "7"], ["coding", "8"], ["triage", "7"]]
    arrays = {
        "cases": np.array([5, 5, 5], np.uint64),
        "numbers": np.array([[1, 1_000_000], [2, 0], [1, 3]], np.int64),
    }
    found = Unpaired()
    data = pack("unpaired", 1, {"names": names}, arrays)
    found.load(("unpaired", "9"), data, lambda model, case: case + {"coding": 100, "triage": 200}[model])
    assert found.of(105) == {("7", 1): 1_000_000, ("8", 2): 0}
    assert found.of(205) == {("7", 1): 3}
    found.put(105, ("8", 2), 7)
    assert set(dict(found.dump_dirty())) == {("unpaired", "9")}


def test_a_state_of_another_version_is_refused():
    with pytest.raises(CodecError, match="expected unpaired version 2, found unpaired version 3"):
        Unpaired().load(("unpaired", "9"), pack("unpaired", 3, {}, {}), lambda _, case: case)
