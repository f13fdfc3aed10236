"""The short form of the fuzzer: every answer is typed, nothing crashes, memory does not grow; and it would be seen."""

from __future__ import annotations

from collections import Counter

from soak import fuzz as fuzzer
from soak._mutations import Mutator
from soak.fuzz import fuzz


def test_mutated_requests_get_typed_answers():
    result = fuzz(2000, seed=3)
    assert result.problems == []
    assert result.answers.total() == 2000
    assert {"http 200", "http 400", "http 415", "grpc OK", "grpc INVALID_ARGUMENT"} <= set(result.answers)
    assert result.rejections["undecodable"] > 100
    assert len(result.events) == 4  # enough of it is still sound to reach the kernel


def test_an_answer_that_is_no_answer_is_a_problem():
    typed = ["http 200", "http 503", "grpc OK", "grpc UNAVAILABLE"]
    not_typed = ["http 500", "http RemoteDisconnected", "grpc UNKNOWN", "grpc INTERNAL", "grpc CANCELLED"]
    assert all(map(fuzzer._typed, typed))
    assert not any(map(fuzzer._typed, not_typed))


def test_mutations_are_many_and_the_same_for_a_seed():
    one, two = Mutator(7), Mutator(7)
    bodies = [one.next()[1] for _ in range(500)]
    assert len(set(bodies)) > 400
    lengths = Counter(len(body) for body in bodies)
    assert len(lengths) > 100
    assert [len(two.next()[1]) for _ in range(500)] == [len(body) for body in bodies]
