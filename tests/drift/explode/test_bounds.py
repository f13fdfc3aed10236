"""A few bytes that stand for millions of messages cost neither minutes nor memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode import PolicyIndex, TooMuchError, _bounds, explode_logs, explode_traces
from otel_clinical.drift.explode import _explode as general
from otel_clinical.drift.explode._wire_recent import Recent
from otel_clinical.semconv import events
from tests.drift import _wire as wire
from tests.drift.kernel._world import START, make_policy

if TYPE_CHECKING:
    from collections.abc import Callable

INDEX = PolicyIndex.of(make_policy())
NOW = START + 60.0
LARGE = _bounds._SMALL + 1
ELSE = b"\x38\x01"  # a field that no exporter writes: the frame is not read in columns


def sized(tag: bytes, content: bytes) -> bytes:
    """Return a field with a length."""
    length, size = b"", len(content)
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return tag + length + bytes([size]) + content


def request(*records: bytes) -> bytes:
    return sized(b"\x0a", sized(b"\x12", b"".join(sized(b"\x12", one) for one in records)))


EVENT = sized(b"\x62", events.OUTCOME.encode())  # of a log record; unknown in a span
BOMBS = {
    "resources": (b"\x0a\x00" * 8_000_000, "resources and scopes"),
    "scopes": (sized(b"\x0a", b"\x12\x00" * 8_000_000), "resources and scopes"),
    "records": (request(*[b""] * 300_000), "262,144 records"),
    "attributes": (request(*[EVENT + b"\x4a\x00" * 500_000 + b"\x32\x00" * 500_000] * 3), "1,048,576 attributes"),
    "attributes of a resource": (
        sized(b"\x0a", sized(b"\x0a", b"\x0a\x00" * 2_000_000) + sized(b"\x12", b"\x12\x00" * 30)),
        "1,048,576 attributes",
    ),
    "a record": (request(bytes(4_200_000)), "4,194,304 bytes"),
    "a scope": (sized(b"\x0a", sized(b"\x12", sized(b"\x0a", bytes(4_200_000)))), "4,194,304 bytes"),
}


@pytest.mark.parametrize("explode", [explode_traces, explode_logs])
@pytest.mark.parametrize("behind", [b"", ELSE], ids=["columns", "general"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_request_made_of_too_much_is_refused_in_words(explode: Callable[..., Any], name: str, behind: bytes):
    body, words = BOMBS[name]
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    with pytest.raises(TooMuchError, match=words):
        explode(body + behind, NOW, INDEX)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - begun < 30.0  # minutes, if it were taken apart


_MEASURED = """
import resource, sys, time
from tests.drift.explode.test_bounds import *
body = sys.stdin.buffer.read()
explode_traces(request(*[b"\\x4a\\x00" * 10] * 30), NOW, INDEX)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    explode_traces(body, NOW, INDEX)
except TooMuchError:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["attributes", "arrays"])
def test_many_small_messages_in_large_records_are_never_all_in_memory(kind: str):
    """16 MiB of empty attributes are 8,000,000 objects of 50 bytes."""
    inside = b"\x4a\x00" * 1_900_000
    if kind == "arrays":
        inside = sized(b"\x4a", sized(b"\x12", sized(b"\x2a", b"\x0a\x00" * 1_900_000)))
    words = [sys.executable, "-c", _MEASURED]
    done = subprocess.run(words, input=request(*[inside] * 4), capture_output=True, check=True, timeout=120)
    assert int(done.stdout) < 220 * 1024


@pytest.mark.parametrize("explode", [explode_traces, explode_logs])
def test_records_alike_with_nothing_in_them_are_no_reason_to_refuse_a_request(explode: Callable[..., Any]):
    found = explode(request(*[b""] * 40), NOW, INDEX)
    assert (found.undecodable, found.ignored, found.rejections) == (False, 40, ())


def test_a_large_request_in_an_unusual_frame_is_read_like_a_usual_one():
    body = wire.traces([wire.span(n, START) for n in range(400)])
    assert len(body) > LARGE
    usual, unusual = (explode_traces(one, NOW, INDEX) for one in (body, body + ELSE))
    assert len(usual.batch) == 400
    assert unusual.batch.rows.tobytes() == usual.batch.rows.tobytes()


def test_a_dense_request_loses_nothing(monkeypatch: pytest.MonkeyPatch):
    body = wire.traces([wire.span(n, START, extra={f"k{n}": 0.0}) for n in range(400)]) + ELSE
    whole = explode_traces(body, NOW, INDEX)
    monkeypatch.setattr(_bounds, "_DENSE", 100)
    taken: list[bytes] = []
    salvage = general.salvage
    monkeypatch.setattr(general, "salvage", lambda given: taken.append(given) or salvage(given))
    one_by_one = explode_traces(body, NOW, INDEX)
    assert taken == [body]
    assert one_by_one.batch.rows.tobytes() == whole.batch.rows.tobytes()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 300))
def test_a_large_request_is_read_like_a_small_one_or_has_what_no_exporter_writes(foreign: bytes, cut: int):
    made = wire.traces([wire.span(n, START) for n in range(3)])
    body = made[:cut] + foreign + made[cut:]
    small, large = (explode_traces(one, NOW, INDEX) for one in (body, body + sized(b"\xfa\x01", bytes(LARGE))))
    if not large.undecodable:
        assert not small.undecodable
        assert large.batch.rows.tobytes() == small.batch.rows.tobytes()


def test_skeletons_learnt_from_one_request_are_few(monkeypatch: pytest.MonkeyPatch):
    """A sender whose records are all different costs what reading one by one costs, and loses nothing."""
    learnt: list[bytes] = []
    made = Recent.made
    monkeypatch.setattr(
        Recent, "made", lambda recent, record, *rest: learnt.append(record) or made(recent, record, *rest)
    )
    kinds = [[wire.span(n, START, extra={f"k{n}": 1}) for n in range(30 * m, 30 * m + 30)] for m in range(20)]
    scopes = [b"".join(sized(b"\x12", one.SerializeToString()) for one in spans) for spans in kinds]
    found = explode_traces(sized(b"\x0a", b"".join(sized(b"\x12", scope) for scope in scopes)), NOW, INDEX)
    assert len(found.batch) == 600
    assert len(learnt) == 64
