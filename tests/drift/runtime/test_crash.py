"""A kill at any moment loses nothing that was acknowledged and counts nothing twice."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime import FaultPoint
from otel_clinical.policy import load_baseline, load_policy
from otel_clinical.simulate._waiting import wait_until
from soak._forked import ForkedProcessor
from soak._nursery import Nursery
from tests.drift import _wire
from tests.drift.runtime._harness import running, send, send_rpc
from tests.drift.runtime._traffic import make_traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from otel_clinical.drift.kernel import EvidenceRow
    from tests.drift.runtime._harness import Processor
    from tests.drift.runtime._traffic import Traffic

EVENTS = "clinical_ai_processor_events_total"
REJECTIONS = "clinical_ai_processor_rejections_total"


@dataclass(frozen=True)
class Knowledge:
    """What a processor knows after a clean stop, apart from how often senders had to repeat themselves."""

    states: dict[str, bytes]
    events: dict[str, int]
    evidence: list[EvidenceRow]


def knowledge(processor: Processor) -> Knowledge:
    """Stop the processor and read what it leaves behind."""
    assert processor.stop() == 0
    assert processor.rows("SELECT count(*) FROM journal") == [(0,)]
    states = processor.states()
    policy = load_policy(processor.policy)
    kernel = Kernel(policy, {name: load_baseline(model.baseline.file) for name, model in policy.models.items()})
    kernel.load(states)
    return Knowledge(states, stored(processor, EVENTS), kernel.evidence())


def stored(processor: Processor, name: str) -> dict[str, int]:
    """Return a counter with one label as the last checkpoint has it."""
    rows = processor.rows("SELECT name, labels, value FROM counter")
    return {json.loads(str(labels))[0]: int(str(value)) for found, labels, value in rows if found == name}


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return make_traffic(time.time() - 600)


@pytest.fixture(scope="module")
def uninterrupted(traffic: Traffic, policy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    with running(tmp_path_factory.mktemp("uninterrupted"), policy_path) as processor:
        for path, body in traffic.requests:
            send(processor, path, body)
        found = knowledge(processor)
        assert stored(processor, REJECTIONS) == {"unknown_model": traffic.undeclared}
    assert found.events == {"inference": traffic.inferences, "outcome": traffic.outcomes}
    assert any(row.drop > 0.1 and row.samples > 100 for row in found.evidence)  # there is something to get wrong
    return found


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as forks:
        yield forks


@pytest.fixture
def mortal(tmp_path: Path, policy_path: Path, nursery: Nursery) -> Iterator[Processor]:
    """Return a processor whose many starts are cheap; the one that is not interrupted is started as everywhere."""
    processor = ForkedProcessor(nursery, tmp_path, policy_path)
    yield processor
    processor.close()


def revive(processor: Processor, done: threading.Event) -> Callable[[], None]:
    """Return what a supervisor does: start the process again whenever it is gone, until `done`."""

    def supervise() -> None:
        while not done.is_set():
            if not processor.alive:
                processor.start()
            done.wait(0.02)

    return supervise


@pytest.mark.parametrize("point", sorted(set(FaultPoint) - {FaultPoint.MID_REPLAY}))
def test_a_kill_at_a_fault_point_changes_nothing(
    mortal: Processor, traffic: Traffic, uninterrupted: Knowledge, point: FaultPoint
):
    checkpoints = point.value.endswith("checkpoint")
    mortal.start(f"{point}:{1 if checkpoints else 7}")
    cut = len(traffic.requests) // 3
    deaths = 0
    for number, (path, body) in enumerate(traffic.requests):
        if number == cut and checkpoints:
            wait_until(lambda: not mortal.alive, within=30, what="the checkpoint that kills the processor")
        if not mortal.alive:
            deaths += 1
            mortal.start()
        deaths += _deliver(mortal, path, body)
    assert deaths == 1
    assert knowledge(mortal) == uninterrupted


def test_a_kill_in_the_middle_of_a_replay_changes_nothing(
    mortal: Processor, traffic: Traffic, uninterrupted: Knowledge
):
    mortal.start("before_checkpoint")  # nothing is saved: the journal keeps it all
    for path, body in traffic.requests[:20]:
        _deliver(mortal, path, body)
    if mortal.alive:
        mortal.kill()
    mortal.launch("mid_replay")
    assert mortal.process is not None
    assert mortal.process.wait(60) == -9
    mortal.start()
    for path, body in traffic.requests[20:]:
        _deliver(mortal, path, body)
    assert knowledge(mortal) == uninterrupted


def _deliver(processor: Processor, path: str, body: bytes) -> int:
    """Send until acknowledged, starting the processor again when it died; return how often it had."""
    deaths = 0
    while True:
        try:
            answer = processor.post(path, body)
        except OSError:
            assert processor.process is not None
            assert processor.process.wait(30) == -9
            processor.start()
            deaths += 1
        else:
            assert answer.status == 200
            return deaths


def test_kills_at_random_moments_change_nothing(mortal: Processor, traffic: Traffic, uninterrupted: Knowledge):
    mortal.start()
    chance = random.Random(time.time_ns())  # other moments in every run, not a secret
    done = threading.Event()
    supervisor = threading.Thread(target=revive(mortal, done))
    supervisor.start()
    kills = sorted(chance.sample(range(2, len(traffic.requests) - 2), 3))
    try:
        for number, (path, body) in enumerate(traffic.requests):
            if number in kills:
                threading.Timer(chance.uniform(0, 0.01), mortal.kill).start()
            (send if chance.random() < 0.5 else send_rpc)(mortal, path, body)
    finally:
        done.set()
        supervisor.join()
    wait_until(lambda: mortal.alive or mortal.start(), within=60, what="the last start")
    assert knowledge(mortal) == uninterrupted


def test_many_senders_at_once_over_both_protocols_change_nothing(
    mortal: Processor, traffic: Traffic, uninterrupted: Knowledge
):
    """Requests of one moment may arrive in any order: senders take turns within the policy's lateness."""
    mortal.start()
    for group in _wire.chunks(traffic.requests, 2):
        senders = [
            threading.Thread(target=deliver, args=(mortal, path, body))
            for path, body in group
            for deliver in (send, send_rpc)  # and every request is sent twice
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert knowledge(mortal) == uninterrupted
    assert stored(mortal, REJECTIONS)["duplicate"] > 0


def test_a_restart_continues_where_the_last_process_stopped(
    mortal: Processor, traffic: Traffic, uninterrupted: Knowledge
):
    half = len(traffic.requests) // 2
    mortal.start()
    for path, body in traffic.requests[:half]:
        send(mortal, path, body)
    mortal.settle()
    before = mortal.evidence(), mortal.counter(EVENTS), mortal.counter(REJECTIONS)
    assert before[2] == {"unknown_model": traffic.undeclared // 2}
    assert mortal.stop() == 0
    mortal.start()
    assert (mortal.evidence(), mortal.counter(EVENTS), mortal.counter(REJECTIONS)) == before
    for path, body in traffic.requests[half:]:
        send(mortal, path, body)
    assert knowledge(mortal) == uninterrupted
    assert stored(mortal, REJECTIONS) == {"unknown_model": traffic.undeclared}
