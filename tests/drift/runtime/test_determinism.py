"""The same records leave the same bytes in the state directory, however they come and whatever happens meanwhile."""

from __future__ import annotations

import random
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_clinical.drift.explode import Batch
from otel_clinical.drift.runtime._entry import Entry, Signal
from otel_clinical.drift.runtime._pipeline import Work
from otel_clinical.drift.runtime.store import Store
from otel_clinical.policy import load_policy
from otel_clinical.semconv import metrics
from soak._turns import Traffic
from tests.drift.runtime import _world
from tests.drift.runtime._harness import TRACES

if TYPE_CHECKING:
    import pytest

    from otel_clinical.drift.runtime._pipeline import Pipeline
    from otel_clinical.policy import Policy
    from soak._turns import Request

START = 1_790_000_000.0
NOW = START + 4 * 86400.0
WINDOWS, SEED = 14, 11
TRAFFIC = Traffic(SEED, START, inferences=10)
EVENTS, REJECTIONS = metrics.PROCESSOR_EVENTS.prometheus, metrics.PROCESSOR_REJECTIONS.prometheus


def feed(pipeline: Pipeline, requests: list[Request], together: int = 1) -> None:
    """Journal and apply requests, `together` of them by one commit, as the writer groups them."""
    for start in range(0, len(requests), together):
        works = [
            _world.work(Signal.TRACES if path == TRACES else Signal.LOGS, body, NOW)
            for path, body in requests[start : start + together]
        ]
        pipeline.apply(pipeline.commit(works), works)


def left_behind(pipeline: Pipeline) -> tuple[dict[str, bytes], dict[str, int], list[tuple[str]]]:
    """Return states, counted events, and every tier change and detection, whatever their order."""
    pipeline.checkpoint()
    events = {labels[0]: n for (name, labels), n in pipeline.tally.totals().items() if name == EVENTS}
    assert pipeline.tally.totals()[REJECTIONS, ("late",)] == 0
    outbox = pipeline._store._connection.execute("SELECT payload FROM outbox ORDER BY payload").fetchall()
    return pipeline._store.states(), events, outbox


def in_order(folder: Path, policy: Policy) -> tuple[dict[str, bytes], dict[str, int], list[tuple[str]]]:
    with closing(_world.open_pipeline(folder, of=policy)) as pipeline:
        for window in range(WINDOWS):
            feed(pipeline, TRAFFIC.in_order(window))
        feed(pipeline, TRAFFIC.last(WINDOWS))
        return left_behind(pipeline)


def shuffled(chance: random.Random, shards: int) -> list[list[Request]]:
    """Return the requests of each turn as several senders deliver them: in any order, some of them twice."""
    turns = []
    for number in range(WINDOWS + 1):
        requests = TRAFFIC.turn(number, ends=number == WINDOWS)
        requests += chance.sample(requests, len(requests) // 4)
        of_sender: list[list[Request]] = [[] for _ in range(shards)]
        for request in requests:
            chance.choice(of_sender).append(request)
        chance.shuffle(of_sender)
        turns.append([request for sender in of_sender for request in sender])
    return turns


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), shards=st.integers(1, 4), together=st.integers(1, 20))
def test_order_repeats_senders_groups_and_restarts_leave_no_trace(
    policy_path: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, shards: int, together: int
):
    """After each turn the process may checkpoint, stop and start, or be killed with all of it only in the journal."""
    policy, chance = load_policy(policy_path), random.Random(seed)
    expected = expected_of(policy, tmp_path_factory)
    with tempfile.TemporaryDirectory() as place:
        pipeline = _world.open_pipeline(Path(place), of=policy)
        try:
            for requests in shuffled(chance, shards):
                feed(pipeline, requests, together)
                if chance.random() < 0.4:
                    pipeline.checkpoint()
                if chance.random() < 0.4:
                    pipeline.close()
                    pipeline = _world.open_pipeline(Path(place), of=policy)
            feed(pipeline, TRAFFIC.last(WINDOWS))
            assert left_behind(pipeline) == expected
        finally:
            pipeline.close()


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), shards=st.integers(2, 4))
def test_receivers_that_share_the_senders_feed_one_kernel_without_a_trace(
    policy_path: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, shards: int
):
    """Each receiver journals what it gets; one kernel takes their journals, a turn at a time, in any order."""
    policy, chance = load_policy(policy_path), random.Random(seed)
    expected = expected_of(policy, tmp_path_factory)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        receivers = [stack.enter_context(closing(Store(Path(place) / str(number)))) for number in range(shards)]
        central = stack.enter_context(closing(_world.open_pipeline(Path(place) / "central", of=policy)))
        taken = dict.fromkeys(range(shards), 0)
        turns = [*shuffled(chance, 3), TRAFFIC.last(WINDOWS)]
        for requests in turns:
            for path, body in requests:
                signal = Signal.TRACES if path == TRACES else Signal.LOGS
                chance.choice(receivers).append([_world.work(signal, body, NOW).entry])
            for number in chance.sample(range(shards), shards):
                for seq, entry in receivers[number].journal():
                    if seq > taken[number]:
                        assert isinstance(entry, Entry)
                        work = Work(entry, Batch.from_bytes(entry.batch))
                        central.apply(central.commit([work]), [work])
                        taken[number] = seq
        assert left_behind(central) == expected


_EXPECTED: list[tuple[dict[str, bytes], dict[str, int], list[tuple[str]]]] = []


def expected_of(policy: Policy, factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, int], list]:
    """Return what is left behind without any of it, computed once."""
    if not _EXPECTED:
        _EXPECTED.append(in_order(factory.mktemp("in_order"), policy))
    return _EXPECTED[0]


def test_there_is_something_to_get_wrong(policy_path: Path, tmp_path_factory: pytest.TempPathFactory):
    states, events, outbox = expected_of(load_policy(policy_path), tmp_path_factory)
    assert events["inference"] == events["review"] == WINDOWS * 10
    assert events["outcome"] == WINDOWS * 10 + 1
    assert any(key.startswith("stream/") for key in states)
    assert any(key.startswith("suggestions/") for key in states)
    assert outbox


def test_one_record_less_is_seen(policy_path: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    policy = load_policy(policy_path)
    with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
        for window in range(WINDOWS):
            feed(pipeline, TRAFFIC.in_order(window)[: 1 if window == 7 else 2])
        feed(pipeline, TRAFFIC.last(WINDOWS))
        assert left_behind(pipeline)[0] != expected_of(policy, tmp_path_factory)[0]
