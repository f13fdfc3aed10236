"""`otel-clinical baseline freeze --state`: what a processor recorded becomes a baseline, of every kind."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from otel_clinical.cli import main
from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime._entry import Entry, Signal
from otel_clinical.drift.runtime._pipeline import Pipeline, Work
from otel_clinical.drift.runtime.store import Store
from otel_clinical.policy import PolicyErrors, load_baseline, load_policy
from tests.drift.kernel import _world
from tests.drift.kernel._world import START, World, make_baseline

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
TEXT = _world._TEXT.format(**(_world._DEFAULTS | {"slot": "6h", "maturity": "1d"}))
MONDAY = START - (START - 4 * DAY) % (7 * DAY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a policy, its baseline, and the state of four weeks of version 7 and two of version 8."""
    (tmp_path / "policy.yaml").write_text(TEXT)
    make_baseline().save(tmp_path / "baseline.json")
    policy = load_policy(tmp_path / "policy.yaml")
    with closing(Pipeline(Store(tmp_path / "state"), lambda: Kernel(policy, {"coding": make_baseline()}))) as pipeline:
        pipeline.restore()
        served = 28 * DAY - (START - MONDAY)
        first = World(seed=1, gap=6000.0, delay=600.0)
        second = World(seed=2, gap=6000.0, delay=600.0, version="8", activation=2)
        start = int(served / 6000.0) + 1
        for drawn in (first.records(start), second.records(200, first=start)):
            records = replace(drawn, received=int((START + 90 * DAY) * 1e6))
            entry = Work(Entry(Signal.LOGS, START, records.to_bytes()), records)
            pipeline.apply(pipeline.commit([entry]), [entry])
        pipeline.checkpoint()
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)

    def call(*words: str) -> tuple[int, str, str]:
        state = ("--state", "state", "--policy", "policy.yaml") if words[0] == "freeze" else ()
        with pytest.raises(SystemExit) as stopped:
            main(["baseline", *words, *state])
        return int(stopped.value.code or 0), *capsys.readouterr()

    return call


def date(days: float) -> str:
    import datetime as dt  # noqa: PLC0415

    return dt.datetime.fromtimestamp(MONDAY + days * DAY, dt.UTC).date().isoformat()


def test_a_period_of_a_version_is_frozen_and_says_what_it_covers(run, folder: Path) -> None:
    code, out, err = run("freeze", "--version", "7", "--out", "new.json")
    frozen = load_baseline(folder / "new.json")
    assert (code, err) == (0, "")
    assert (frozen.version, frozen.kind, frozen.metric) == ("7", "fixed", "accuracy")
    assert MONDAY <= frozen.since < frozen.until < MONDAY + 28 * DAY
    assert frozen.n() == frozen.n("payer", "medicaid") + sum(
        frozen.n("payer", value) for value in ("medicare", "private", "self")
    )
    assert frozen.labels is not None
    assert frozen.labels.within(0.9) == 900
    assert f"{frozen.n()} of {frozen.n()} inferences of {date(0)} to {date(27)} have an outcome (100.0%)" in out
    assert f'hash: "{frozen.hash}"' in out
    assert f"fixed baseline of inferences of {date((START - MONDAY) // DAY)}" in out
    assert run("show", "new.json")[0] == 0


def test_whole_weeks_are_counted_that_hold_the_days_asked_for(run, folder: Path) -> None:
    days = ("--since", date(9), "--until", date(9))
    assert run("freeze", "--version", "7", *days, "--out", "week.json")[0] == 0
    frozen = load_baseline(folder / "week.json")
    assert MONDAY + 7 * DAY <= frozen.since < frozen.until < MONDAY + 14 * DAY


def test_the_previous_version_is_found_by_itself_and_needs_the_same_kind_in_the_policy(run, folder: Path) -> None:
    code, out, _ = run("freeze", "--kind", "previous_version", "--out", "previous.json")
    frozen = load_baseline(folder / "previous.json")
    assert (code, frozen.version, frozen.kind) == (0, "7", "previous_version")
    assert "kind: previous_version}" in out
    wanted = "{file: previous.json, kind: previous_version}"
    for written, fits in (("{file: previous.json}", False), (wanted, True)):
        (folder / "policy.yaml").write_text(TEXT.replace("{file: baseline.json}", written))
        if fits:
            assert load_policy(folder / "policy.yaml").models["coding"].baseline.kind == "previous_version"
        else:
            with pytest.raises(PolicyErrors, match='the file is a baseline of kind "previous_version"'):
                load_policy(folder / "policy.yaml")


def test_a_change_of_kind_takes_two_people_as_any_other(run, folder: Path) -> None:
    assert run("freeze", "--kind", "previous_version", "--out", "previous.json")[0] == 0
    words = ("baseline.json", "previous.json", "--for", "baseline.json", "--reason", "checked", "--by")
    assert run("approve", *words, "Novak")[0] == 2
    code, out, _ = run("propose", *words, "Meyer")
    assert (code, "kind fixed -> previous_version" in out) == (0, True)
    assert run("approve", *words, "Meyer")[0] == 2
    assert run("approve", *words, "Novak")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--kind", "same_season"), "no outcome of version"),
        ((), "--version is not given; expected one of 7, 8"),
        (("--version", "8", "--until", "2099-01-01"), "are not all mature"),
        (("--version", "9"), "no outcome of version 9"),
        (("--version", "7", "--model", "triage"), "--model is triage; expected one of coding"),
    ],
)
def test_what_the_record_does_not_hold_is_one_sentence(run, folder: Path, words, said: str) -> None:
    if words[:1] == ("--kind",):
        words = (*words, "--version", "7")
    code, _, err = run("freeze", *words, "--out", "new.json")
    assert (code, said in err, "Traceback" in err) == (2, True, False)
    assert not (folder / "new.json").exists()


def test_the_same_season_is_thirteen_weeks_from_a_year_ago_on(folder: Path, run) -> None:
    policy = load_policy(folder / "policy.yaml")
    with closing(Pipeline(Store(folder / "state"), lambda: Kernel(policy, {"coding": make_baseline()}))) as pipeline:
        pipeline.restore()
        later = World(seed=3, gap=6000.0, version="8", activation=2)
        records = replace(later.records(2, first=int(53 * 7 * DAY / 6000.0)), received=2**62)
        entry = Work(Entry(Signal.LOGS, START, records.to_bytes()), records)
        pipeline.apply(pipeline.commit([entry]), [entry])
        pipeline.checkpoint()
    assert run("freeze", "--kind", "same_season", "--version", "7", "--out", "season.json")[0] == 0
    frozen = load_baseline(folder / "season.json")
    assert frozen.kind == "same_season"
    assert MONDAY + 7 * DAY <= frozen.since < frozen.until


def test_history_and_state_exclude_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["baseline", "freeze", "--policy", str(folder / "policy.yaml"), "--out", str(folder / "new.json")])
    assert (stopped.value.code, "either HISTORY with --mapping, or --state" in capsys.readouterr().err) == (2, True)
