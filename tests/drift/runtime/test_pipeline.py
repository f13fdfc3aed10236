"""Journal, apply, checkpoint: exactly once, also when the kernel fails on an entry."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.drift.kernel import Applied, Kernel
from otel_clinical.drift.runtime import _pipeline
from otel_clinical.drift.runtime._entry import Signal
from otel_clinical.drift.runtime.store import StoreUnavailableError
from otel_clinical.policy import load_policy
from otel_clinical.semconv import metrics
from tests.drift import _wire
from tests.drift.runtime import _world
from tests.drift.runtime._harness import LOGS, TRACES
from tests.drift.runtime._traffic import make_traffic

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.drift.explode import Batch
    from otel_clinical.drift.runtime._pipeline import Pipeline, Work

EVENTS, REJECTIONS = metrics.PROCESSOR_EVENTS.prometheus, metrics.PROCESSOR_REJECTIONS.prometheus


def tells_of_8(batch: Batch) -> bool:
    return "8" in {batch.words[number] for number in batch.rows["version"]}


class FragileKernel(Kernel):
    """Changes half of its state and then breaks when it meets version 8."""

    def apply(self, batch: Batch) -> Applied:
        applied = super().apply(batch)
        if tells_of_8(batch):
            raise RuntimeError("a defect")
        return applied


def spans(first: int, version: str = "7") -> Work:
    made = [_wire.span(n, _wire.START + n, version=version) for n in range(first, first + 5)]
    return _world.work(Signal.TRACES, _wire.traces(made), _wire.START + 1000)


def feed(pipeline: Pipeline, *works: Work) -> None:
    pipeline.apply(pipeline.commit(works), works)


def counts(pipeline: Pipeline) -> dict[str, int]:
    return {labels[0]: n for (name, labels), n in pipeline.tally.totals().items() if n and name in {EVENTS, REJECTIONS}}


def test_what_was_committed_is_applied_after_a_restart(tmp_path: Path):
    with closing(_world.open_pipeline(tmp_path)) as pipeline:
        pipeline.commit([spans(0), spans(5)])
    with closing(_world.open_pipeline(tmp_path)) as pipeline:
        assert counts(pipeline) == {"inference": 10}
        assert pipeline.pending == 2
        pipeline.checkpoint()
        assert pipeline.pending == 0
    with closing(_world.open_pipeline(tmp_path)) as pipeline:
        assert counts(pipeline) == {"inference": 10}
        assert not pipeline.dirty


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_entry_the_kernel_cannot_apply_is_set_aside_alone(tmp_path: Path, place: int, *, restart: bool):
    works = [spans(0), spans(5), spans(10)]
    works[place] = spans(5 * place, version="8")
    good = [each for each in works if each.batch is not None and not tells_of_8(each.batch)]
    with closing(_world.open_pipeline(tmp_path / "whole")) as pipeline:
        feed(pipeline, *good)
        expected = pipeline.kernel.dump_dirty()

    with closing(_world.open_pipeline(tmp_path / "state", FragileKernel)) as pipeline:
        pipeline.checkpoint()
        pipeline.commit(works) if restart else feed(pipeline, *works)
    with closing(_world.open_pipeline(tmp_path / "state", FragileKernel)) as pipeline:
        assert {name: n for name, n in counts(pipeline).items() if name != "undecodable"} == {"inference": 10}
        found = pipeline.kernel.dump_dirty()
        pipeline.checkpoint()
        assert pipeline.pending == 0
    assert found == expected


@pytest.fixture(scope="module")
def requests() -> list[Work]:
    traffic = make_traffic(_wire.START, rounds=8)
    signals = {TRACES: Signal.TRACES, LOGS: Signal.LOGS}
    return [_world.work(signals[path], body, _wire.START + 600) for path, body in traffic.requests]


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_crashes_checkpoints_and_repeats_ends_in_the_same_bytes(
    tmp_path: Path, policy_path: Path, requests: list[Work], seed: int
):
    mature = load_policy(policy_path)
    with closing(_world.open_pipeline(tmp_path / "calm", of=mature)) as calm:
        for each in requests:
            feed(calm, each)
        expected = calm.kernel.dump_dirty(), calm.kernel.evidence()
    assert any(row.drop > 0.1 for row in expected[1])

    chance = random.Random(seed)  # a reproducible choice, not a secret
    stormy = _world.open_pipeline(tmp_path / "stormy", of=mature)
    for each in requests:
        acknowledged = False
        while not acknowledged:
            numbers = stormy.commit([each])
            acknowledged = chance.random() < 0.8
            if chance.random() < 0.8:
                stormy.apply(numbers, [each])
                if chance.random() < 0.3:
                    stormy.checkpoint()
                if chance.random() < 0.8:
                    continue
            stormy.close()
            stormy = _world.open_pipeline(tmp_path / "stormy", of=mature)
    stormy.checkpoint()
    with closing(stormy):
        assert (stormy._store.states(), stormy.kernel.evidence()) == expected


def test_an_entry_set_aside_is_counted_once(tmp_path: Path):
    with closing(_world.open_pipeline(tmp_path, FragileKernel)) as pipeline:
        feed(pipeline, spans(0), spans(5, version="8"), spans(10))
        feed(pipeline, spans(15))
        assert counts(pipeline) == {"inference": 15, "undecodable": 1}
        pipeline.checkpoint()
        feed(pipeline, spans(20, version="8"))
        assert counts(pipeline) == {"inference": 15, "undecodable": 2}
        pipeline.checkpoint()
    with closing(_world.open_pipeline(tmp_path, FragileKernel)) as pipeline:
        assert counts(pipeline) == {"inference": 15, "undecodable": 2}


def test_another_version_of_the_program_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with closing(_world.open_pipeline(tmp_path, FragileKernel)) as pipeline:
        feed(pipeline, spans(0, version="8"), spans(5))
        pipeline.checkpoint()
    with closing(_world.open_pipeline(tmp_path)) as same:
        assert counts(same) == {"inference": 5, "undecodable": 1}
    monkeypatch.setattr(_pipeline, "__version__", "a later one")
    with closing(_world.open_pipeline(tmp_path)) as later:
        assert counts(later) == {"inference": 10, "undecodable": 1}
        later.checkpoint()
        assert later._store.last_sequence() == 2
    with closing(_world.open_pipeline(tmp_path)) as later:
        assert counts(later) == {"inference": 10, "undecodable": 1}


def test_a_kernel_that_can_apply_nothing_ends_it_and_the_journal_keeps_everything(tmp_path: Path):
    broken = [spans(5 * n, version="8") for n in range(5)]
    with (
        closing(_world.open_pipeline(tmp_path, FragileKernel)) as pipeline,
        pytest.raises(RuntimeError, match="defect"),
    ):
        feed(pipeline, *broken)
    with pytest.raises(RuntimeError, match="defect"):
        _world.open_pipeline(tmp_path, FragileKernel)
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        assert connection.execute("SELECT count(*) FROM journal").fetchone() == (5,)


def test_states_of_a_failed_checkpoint_are_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(_checkpoint: object) -> None:
        raise StoreUnavailableError

    with closing(_world.open_pipeline(tmp_path)) as pipeline:
        feed(pipeline, spans(0))
        with monkeypatch.context() as patched:
            patched.setattr(pipeline._store, "checkpoint", fail)
            with pytest.raises(StoreUnavailableError):
                pipeline.checkpoint()
        feed(pipeline, spans(5))
        pipeline.checkpoint()
    with closing(_world.open_pipeline(tmp_path)) as pipeline:
        assert counts(pipeline) == {"inference": 10}
        assert pipeline.kernel.newest == _wire.START + 9


def test_a_counter_is_there_before_it_first_counts(tmp_path: Path):
    with closing(_world.open_pipeline(tmp_path)) as pipeline:
        totals = pipeline.tally.totals()
    assert totals[EVENTS, ("outcome",)] == 0
    assert totals[REJECTIONS, ("forged",)] == 0


@pytest.mark.parametrize("seed", range(6))
def test_a_suggestion_counts_once_through_crashes_and_repeats(tmp_path: Path, seed: int):
    """Twenty answers, each edited first and accepted an hour later, reported by two processes that both send again."""
    day = 86_400.0

    def reported(action: str, delay: float) -> Work:
        made = [
            _wire.review(
                n, _wire.START + n + delay, action=action, inferred=_wire.START + n, event=_wire.identifier(n, action)
            )
            for n in range(20)
        ]
        return _world.work(Signal.LOGS, _wire.logs(made), _wire.START + 3 * day)

    end = _world.work(Signal.TRACES, _wire.traces([_wire.span(999, _wire.START + 2 * day)]), _wire.START + 3 * day)
    works = [reported("edited", 60), reported("edited", 60), reported("accepted", 3600), reported("edited", 60), end]

    chance = random.Random(seed)
    pipeline = _world.open_pipeline(tmp_path)
    for each in works:
        feed(pipeline, each)
        if chance.random() < 0.5:
            pipeline.checkpoint()
        if chance.random() < 0.5:
            pipeline.close()
            pipeline = _world.open_pipeline(tmp_path)
    with closing(pipeline):
        (first, last) = (row for row in pipeline.kernel.suggestions() if (row.version, row.segment) == ("7", "all"))
        assert counts(pipeline) == {"review": 40, "inference": 1, "duplicate": 40}
    assert {action: n for action, n in first.actions.items() if n} == {"edited": 20}
    assert {action: n for action, n in last.actions.items() if n} == {"accepted": 20}
