"""The clock of the processor's machine is a day ahead, a day behind, or set while it runs."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.explode import PolicyIndex
from otel_clinical.drift.runtime import Phase
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime._refusals import UnavailableError
from otel_clinical.drift.runtime.intake import Intake
from otel_clinical.drift.runtime.writer import Writer
from otel_clinical.policy import load_policy
from tests.drift import _wire
from tests.drift.runtime import _world
from tests.drift.runtime._harness import TRACES
from tests.drift.runtime._traffic import make_traffic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START, DAY = 1_790_000_000.0, 86400.0
LATER = START + 600
TRAFFIC = make_traffic(START, rounds=6).requests


class Clock:
    """Says what it was set to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def receiving(folder: Path, policy_path: Path, clock: Clock) -> Iterator[Intake]:
    """Run an intake and its writer; both are stopped, and the state is saved, at the end of the block."""
    policy = load_policy(policy_path)
    pipeline = _world.open_pipeline(folder, of=policy)
    writer = Writer(pipeline)
    writer.start()
    assert writer.started.wait(60)
    try:
        yield Intake(writer, PolicyIndex.of(policy), clock)
    finally:
        writer.close()
        assert writer.join(60)


def deliver(intake: Intake, requests=TRAFFIC) -> None:
    for path, body in requests:
        intake.accept(Signal.TRACES if path == TRACES else Signal.LOGS, body).durable.result(60)


def states(folder: Path, policy_path: Path) -> dict[str, bytes]:
    with closing(_world.open_pipeline(folder, of=load_policy(policy_path))) as pipeline:
        return pipeline._store.states()


def test_a_day_ahead_changes_nothing(tmp_path: Path, policy_path: Path):
    for name, ahead in (("right", 0.0), ("ahead", DAY)):
        with receiving(tmp_path / name, policy_path, Clock(LATER + ahead)) as intake:
            deliver(intake)
            assert intake.phase is Phase.READY
    found = states(tmp_path / "right", policy_path)
    assert any(key.startswith("stream/") for key in found)
    assert found == states(tmp_path / "ahead", policy_path)


def test_set_back_by_a_day_it_asks_senders_to_come_back_and_loses_nothing(tmp_path: Path, policy_path: Path):
    clock = Clock(LATER)
    with receiving(tmp_path / "set", policy_path, clock) as intake:
        deliver(intake, TRAFFIC[:4])
        clock.now -= DAY
        for _ in range(3):
            with pytest.raises(UnavailableError, match="clock of this machine"):
                deliver(intake, TRAFFIC[4:5])
        assert intake.phase is Phase.UNTIMELY
        clock.now += DAY
        deliver(intake, TRAFFIC[4:])
        assert intake.phase is Phase.READY
    with receiving(tmp_path / "right", policy_path, Clock(LATER)) as intake:
        deliver(intake)
    assert states(tmp_path / "set", policy_path) == states(tmp_path / "right", policy_path)


def test_set_back_while_it_was_stopped_it_knows_as_well(tmp_path: Path, policy_path: Path):
    with receiving(tmp_path / "state", policy_path, Clock(LATER)) as intake:
        deliver(intake, TRAFFIC[:4])
    with receiving(tmp_path / "state", policy_path, Clock(LATER - DAY)) as intake:
        assert intake.phase is Phase.UNTIMELY


@pytest.mark.parametrize("back", [1.0, 250.0])
def test_small_corrections_are_no_event(tmp_path: Path, policy_path: Path, back: float):
    clock = Clock(START + 4.0)
    with receiving(tmp_path / "state", policy_path, clock) as intake:
        deliver(intake, TRAFFIC[:2])
        clock.now -= back
        deliver(intake, TRAFFIC[2:4])
        assert intake.phase is Phase.READY


def test_a_clock_that_was_always_behind_refuses_the_future_and_says_so(tmp_path: Path, policy_path: Path):
    with receiving(tmp_path / "state", policy_path, Clock(START - DAY)) as intake:
        pending = intake.accept(Signal.TRACES, _wire.traces([_wire.span(1, START)]))
        pending.durable.result(60)
        assert pending.rejections == {"future_time": 1}
