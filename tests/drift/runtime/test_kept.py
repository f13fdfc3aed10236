"""Late records, refused records and requests set aside: kept, bounded, listed, and given another try."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli._frame import run
from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime import _pipeline, store
from otel_clinical.drift.runtime._entry import Quarantined, Signal
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.drift.runtime.exporter import Exposition, families
from otel_clinical.drift.runtime.kept import forget_late_records, late_records, set_aside
from otel_clinical.policy import load_policy
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import ProcessorRejection
from tests.drift import _wire
from tests.drift.runtime import _world

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.drift.runtime._pipeline import Pipeline, Work

START = _wire.START
NOW = START + 10_000.0


@pytest.fixture
def policy(policy_path: Path):
    return load_policy(policy_path)


def spans(*numbers: int, at: float) -> Work:
    return _world.work(Signal.TRACES, _wire.traces([_wire.span(n, at) for n in numbers]), NOW)


def outcomes(*numbers: int, at: float, inferred: float = START) -> Work:
    made = [_wire.outcome(n, at, inferred=inferred, result="incorrect") for n in numbers]
    return _world.work(Signal.LOGS, _wire.logs(made), NOW)


def reviews(*numbers: int, at: float) -> Work:
    return _world.work(Signal.LOGS, _wire.logs([_wire.review(n, at, inferred=START) for n in numbers]), NOW)


def feed(pipeline: Pipeline, *works: Work) -> None:
    for one in works:
        pipeline.apply(pipeline.commit([one]), [one])


LATE = (spans(1, 2, at=START + 10), outcomes(3, at=START + 11), reviews(4, at=START + 12))
AHEAD = spans(900, at=START + 5000)


class TestCorrections:
    def test_late_events_are_kept_with_what_became_of_them(self, tmp_path: Path, policy):
        with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
            feed(pipeline, AHEAD, *LATE)
            pipeline.checkpoint()
            found = [content for _, content in late_records(tmp_path)]
        assert [(one["kind"], one["used"]) for one in found] == [
            ("inference", False),
            ("inference", False),
            ("outcome", True),
            ("review", True),
        ]
        outcome = found[2]
        assert (outcome["model"], outcome["version"], outcome["score"]) == ("coding", "7", 0.0)
        assert outcome["segments"]["payer"] == "medicare"
        assert (outcome["time"], outcome["inferred"]) == (START + 11, START)
        assert 4900 < outcome["behind"] < 5000

    def test_what_is_in_time_is_not_in_the_record(self, tmp_path: Path, policy):
        with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
            feed(pipeline, *LATE, AHEAD)
            pipeline.checkpoint()
            assert late_records(tmp_path) == []

    def test_a_kill_and_repeats_keep_each_once(self, tmp_path: Path, policy):
        with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
            feed(pipeline, AHEAD, *LATE)  # no checkpoint: as after a kill
        for _ in range(2):
            with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
                feed(pipeline, *LATE)
                pipeline.checkpoint()
                assert len(late_records(tmp_path)) == 4

    def test_the_record_is_bounded_and_says_how_full_it_is(self, tmp_path: Path, policy, monkeypatch):
        for module in (store, _pipeline):
            monkeypatch.setattr(module, "CORRECTION_ROWS", 5)
        with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
            feed(pipeline, AHEAD, *LATE)
            pipeline.checkpoint()
            assert pipeline.corrections == store.Corrections(4, 0)
            assert shown(pipeline, policy) == (0.8, 0)
            feed(pipeline, spans(11, 12, 13, at=START + 20))
            pipeline.checkpoint()
            assert pipeline.corrections == store.Corrections(5, 2)
            assert shown(pipeline, policy) == (1.0, 2)
            kinds = [content["kind"] for _, content in late_records(tmp_path)]
            assert kinds == ["outcome", "review", "inference", "inference", "inference"]
            feed(pipeline, spans(*range(30, 50), at=START + 30))  # more than it holds between two checkpoints
            assert len(pipeline._corrections) == 5
            pipeline.checkpoint()
            assert pipeline.corrections == store.Corrections(5, 2 + 15 + 5)

    def test_what_was_exported_can_be_forgotten_while_it_runs(self, tmp_path: Path, policy, capsys):
        out = tmp_path / "late.jsonl"
        with closing(_world.open_pipeline(tmp_path / "state", of=policy)) as pipeline:
            feed(pipeline, AHEAD, *LATE)
            pipeline.checkpoint()
            words = ["processor", "corrections", "--state", str(tmp_path / "state")]
            assert run(words) == 0
            assert len(capsys.readouterr().out.splitlines()) == 4
            assert run([*words, "--forget"]) == 2
            assert run([*words, "--out", str(out), "--forget"]) == 0
            assert pipeline.corrections.kept == 0
            feed(pipeline, spans(21, at=START + 20))
            pipeline.checkpoint()
            assert pipeline.corrections.kept == 1
        assert [json.loads(line)["kind"] for line in out.read_text().splitlines()][-1] == "review"
        assert forget_late_records(tmp_path / "state", 10**9) == 1


def shown(pipeline: Pipeline, policy) -> tuple[float, float]:
    view = Exposition(KernelView.of(pipeline.kernel), {}, 0, 0.0, {}, pipeline.corrections)
    found = {sample.name: sample.value for family in families(view, policy) for sample in family.samples}
    names = metrics.PROCESSOR_CORRECTION_USED_RATIO, metrics.PROCESSOR_CORRECTION_DROPS
    return found[names[0].prometheus], found[names[1].prometheus]


class Breaks(Kernel):
    """Cannot apply what holds version 8."""

    def apply(self, batch):
        if "8" in {batch.words[number] for number in batch.rows["version"]}:
            raise RuntimeError("a defect")
        return super().apply(batch)


class TestQuarantine:
    def test_what_was_set_aside_is_listed_and_applied_after_a_retry(self, tmp_path: Path, policy, capsys):
        words = ["quarantine", "list", "--state", str(tmp_path)]
        bad = _world.work(Signal.TRACES, _wire.traces([_wire.span(1, START, version="8")]), NOW)
        with closing(_world.open_pipeline(tmp_path, Breaks, policy)) as pipeline:
            feed(pipeline, bad, spans(2, at=START))
            pipeline.checkpoint()
            (one,) = set_aside(tmp_path)
            assert (one.number, one.error) == (1, "RuntimeError")
            assert run(["quarantine", "retry", "--state", str(tmp_path)]) == 2
        assert "another processor" in capsys.readouterr().err
        assert run(words) == 0
        assert "set aside 1" in capsys.readouterr().out
        assert run(["quarantine", "retry", "--state", str(tmp_path)]) == 0
        assert "1 requests will be applied" in capsys.readouterr().out
        with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
            assert pipeline.tally.totals()[metrics.PROCESSOR_EVENTS.prometheus, ("inference",)] == 2
            pipeline.checkpoint()
        assert set_aside(tmp_path) == []
        assert run(["quarantine", "retry", "--state", str(tmp_path)]) == 0
        assert "nothing was set aside" in capsys.readouterr().out

    def test_refused_records_are_listed_by_reason_without_their_content(self, tmp_path: Path, policy, capsys):
        with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
            described = Quarantined(Signal.LOGS, "undecodable", "no protobuf", 7, "ab" * 32)
            pipeline.refuse(ProcessorRejection.UNDECODABLE, described)
            pipeline.checkpoint()
        words = ["quarantine", "list", "--state", str(tmp_path)]
        assert run(words) == 0
        out = capsys.readouterr().out
        assert "undecodable  7 bytes  abababababababab" in out
        assert "refused undecodable 1; set aside 0" in out
        assert run([*words, "--reason", "oversized"]) == 0
        assert "refused nothing" in capsys.readouterr().out
        assert run([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["detail"] == "no protobuf"

    def test_a_folder_without_a_state_is_one_sentence(self, tmp_path: Path, capsys):
        assert run(["quarantine", "list", "--state", str(tmp_path)]) == 2
        assert "no state.db here" in capsys.readouterr().err


def test_the_status_says_how_full_the_record_is(tmp_path: Path, policy_path: Path, policy, capsys):
    with closing(_world.open_pipeline(tmp_path, of=policy)) as pipeline:
        feed(pipeline, AHEAD, *(spans(*range(n, n + 500), at=START + 10) for n in range(1000, 2000, 500)))
        pipeline.checkpoint()
    assert run(["processor", "status", "--state", str(tmp_path), "--policy", str(policy_path)]) == 0
    assert "late        2% of the record of late events in use, 0 dropped" in capsys.readouterr().out
