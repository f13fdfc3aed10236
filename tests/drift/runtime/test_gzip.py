"""Decompression never costs more than the limit."""

from __future__ import annotations

import gzip
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.drift.runtime._gzip import CorruptBodyError, TooLargeError, gunzip


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_what_was_compressed_comes_back_member_by_member(members: list[bytes]):
    whole = b"".join(members)
    assert gunzip(b"".join(map(gzip.compress, members)), limit=len(whole)) == whole


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_result_past_the_limit_is_too_large(content: bytes, data: st.DataObject):
    limit = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(TooLargeError, match=str(limit)):
        gunzip(gzip.compress(content), limit)


@given(st.binary(max_size=200), st.data())
def test_a_truncated_stream_is_corrupt(content: bytes, data: st.DataObject):
    packed = gzip.compress(content)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CorruptBodyError):
        gunzip(packed[:cut], limit=1000)


@given(st.binary(min_size=1, max_size=200))
def test_arbitrary_bytes_are_corrupt_or_too_large(content: bytes):
    with pytest.raises((CorruptBodyError, TooLargeError)):
        gunzip(b"\x00" + content, limit=100)


def test_a_bomb_costs_no_more_memory_than_the_limit():
    bomb = gzip.compress(bytes(64 * 1024 * 1024), 9)
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        gunzip(bomb, limit=1024 * 1024)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def test_later_members_of_any_length_are_read_whole():
    """They are read in pieces, which a member may begin, end or fill."""
    chance = random.Random(5)
    members = [chance.randbytes(size) for size in (0, 10, 65_500, 65_536, 200_000, 1, 0, 131_072)]
    assert gunzip(b"".join(map(gzip.compress, members)), 2**20) == b"".join(members)
    with pytest.raises(CorruptBodyError, match="truncated"):
        gunzip(b"".join(map(gzip.compress, members))[:-1], 2**20)


def test_a_bomb_of_empty_members_costs_no_more_than_some_members():
    """Each member that ends leaves a copy of what follows it: 16 MiB of them would be copied 800,000 times."""
    with pytest.raises(CorruptBodyError, match="more than 1024 gzip members"):
        gunzip(gzip.compress(b"") * 800_000, 1024)
