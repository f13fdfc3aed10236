"""The short form of the soak: kills change nothing, and a difference would be seen."""

from __future__ import annotations

from soak.processor import Knowledge, soak


def test_kills_under_load_leave_no_trace():
    result = soak(8, seed=4)
    assert result.differences == []
    assert result.kills.total() == 8
    assert result.turns >= 1
    assert result.knowledge is not None
    assert result.knowledge.late == 0
    assert b"clinical_ai_evidence" in result.knowledge.evidence


def test_one_lost_request_is_found():
    sent = []

    def lose(requests):
        sent.append(len(requests))
        return requests[1:] if len(sent) == 1 else requests

    result = soak(1, seed=5, tamper=lose)
    assert any("events" in line for line in result.differences)
    assert any("state" in line for line in result.differences)


def test_one_changed_byte_is_found():
    one = Knowledge({"a": b"12"}, b"x 1\n", {"outcome": 1}, 0)
    assert one.differences(one) == []
    assert one.differences(Knowledge({"a": b"13"}, b"x 1\n", {"outcome": 1}, 0)) == ["state a"]
    assert one.differences(Knowledge({"a": b"12"}, b"x 2\n", {"outcome": 1}, 0))
    assert one.differences(Knowledge({"a": b"12"}, b"x 1\n", {"outcome": 2}, 0))
    assert one.differences(Knowledge({"a": b"12"}, b"x 1\n", {"outcome": 1}, 1))
