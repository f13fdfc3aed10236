"""The frame of the benchmarks: rows, table, JSON and exit code."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import numpy as np
import pytest

from benchmarks.__main__ import main, names
from benchmarks._processor_load import TRACES
from benchmarks._processor_send import templates
from benchmarks._processor_site import FORTY, make_site, read_site
from benchmarks._processor_stock import decode
from benchmarks._rows import Row, row, table
from otel_clinical.drift.explode import PolicyIndex, explode_logs, explode_traces


@pytest.fixture
def fake(monkeypatch):
    def install(*rows):
        module = ModuleType("benchmarks.instrument")
        module.run = lambda: list(rows)
        monkeypatch.setitem(sys.modules, "benchmarks.instrument", module)

    return install


@pytest.mark.parametrize(
    ("must", "ok"), [("<= 0.5", True), ("<= 0.4", False), (">= 0.5", True), (">= 0.6", False), ("", True)]
)
def test_a_row_is_judged_by_its_ratio(must, ok):
    assert row("cost", 1, 2, must) == Row("cost", 1, 2, 0.5, must, ok)


def test_a_must_that_cannot_be_read_is_an_error():
    with pytest.raises(ValueError, match="must is '< 1'"):
        row("cost", 1, 2, "< 1")


def test_all_musts_met_exit_zero_and_the_rows_are_written(fake, tmp_path, capsys):
    fake(row("cost", 1, 2, "<= 1"))
    assert main(["instrument", "--json", str(tmp_path / "rows.json")]) == 0
    assert json.loads((tmp_path / "rows.json").read_text()) == [
        {"measure": "cost", "ours": 1, "baseline": 2, "ratio": 0.5, "must": "<= 1", "ok": True}
    ]
    assert "cost" in capsys.readouterr().out


def test_one_missed_must_exits_one(fake, capsys):
    fake(row("cost", 1, 2, "<= 1"), row("rate", 1, 2, ">= 1"))
    assert main(["instrument"]) == 1
    assert "NO" in capsys.readouterr().out


def test_an_unknown_benchmark_is_named_with_those_there_are(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["nonsense"])
    assert stop.value.code == 2
    assert "instrument" in capsys.readouterr().err


def test_every_benchmark_module_is_listed():
    assert "instrument" in names()
    assert not [name for name in names() if name.startswith("_")]


def test_columns_line_up():
    lines = table([row("short", 1, 2), row("a much longer measure", 1000, 2, "<= 1")]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_a_size_is_for_those_that_take_one(fake, capsys):
    fake(row("cost", 1, 2))
    with pytest.raises(SystemExit) as stop:
        main(["instrument", "--events", "3"])
    assert stop.value.code == 2
    assert "run it without --events" in capsys.readouterr().err


def test_a_run_of_the_whole_system_is_for_those_that_have_one(fake, capsys):
    fake(row("cost", 1, 2))
    with pytest.raises(SystemExit) as stop:
        main(["instrument", "--whole"])
    assert stop.value.code == 2
    assert "run it without --whole" in capsys.readouterr().err


def test_options_reach_the_benchmark(fake, monkeypatch, capsys):
    fake()
    module = sys.modules["benchmarks.instrument"]
    monkeypatch.setattr(module, "run", lambda seconds=5.0: [row("sent", seconds, 1)])
    monkeypatch.setattr(module, "whole", lambda: [row("all of it", 3, 1)], raising=False)
    assert main(["instrument", "--seconds", "60"]) == main(["instrument", "--whole"]) == 0
    said = capsys.readouterr().out
    assert "60" in said
    assert "all of it" in said


def test_the_processor_is_sent_records_of_their_own_each_time(tmp_path):
    policy, _ = read_site(make_site(tmp_path, FORTY))
    index, seen = PolicyIndex.of(policy), set()
    for place, template in enumerate(templates(policy, 30)[8:12]):
        explode = explode_traces if template.path == TRACES else explode_logs
        for number in range(2):
            draw = np.random.default_rng([number, place])
            batch = explode(template.fresh(draw, 1e9, 0.5), 1e9 + 60, index).batch
            assert batch.rows["time"].tolist() == [10**15 + place * 500_000 for place in range(30)]
            seen |= set(batch.rows["event"].tolist())
    assert len(seen) == 4 * 2 * 30


def test_every_attribute_count_is_as_the_processor_benchmark_says(tmp_path):
    policy, _ = read_site(make_site(tmp_path, FORTY))
    spans = decode(templates(policy, 5)[0].body)
    own = {"trace_id", "span_id", "start", "end", "name"}
    assert {len(span.keys() - own) for span in spans} == {20}
