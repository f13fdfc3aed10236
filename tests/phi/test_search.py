"""The search finds a marker in every form, in every kind of sink: without this, finding nothing would prove nothing."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.phi._marker import ENCODERS, NUMBER, STEM, files, find, hits, marker

NOISE = bytes(range(256)) * 8


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_planted_marker_is_found_in_every_encoding(encoding):
    planted = ENCODERS[encoding](f"Jane Roe {marker('planted')} 1957".encode())
    assert find(planted)
    if encoding != "deflate":  # raw deflate has no beginning that could be recognised inside other data
        assert find(NOISE + planted + NOISE)


def test_nothing_is_found_where_nothing_is():
    assert find(NOISE) == set()
    assert find(b"") == set()


@given(st.binary(max_size=400), st.binary(max_size=400), st.sampled_from(sorted(set(ENCODERS) - {"deflate"})))
def test_neighbours_do_not_hide_a_marker(before, after, encoding):
    planted = ENCODERS[encoding](b"a" + marker("x").encode())
    # Neighbours that are base64 themselves would belong to the planted text.
    assert find(before + b" " + planted + b" " + after)


def test_markers_are_unique_and_share_the_stem():
    found = [marker("x") for _ in range(100)]
    assert len(set(found)) == 100
    assert all(one.startswith(STEM) for one in found)
    assert NUMBER < 2**63


def test_a_marker_in_a_write_ahead_log_is_found(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE kept (text TEXT)")
        assert hits(files(tmp_path)) == {}
        database.execute("INSERT INTO kept VALUES (?)", (marker("row"),))
        database.commit()
        found = hits(files(tmp_path))
    assert any(name.endswith("-wal") for name in found)
