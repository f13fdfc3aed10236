"""Faults of several sizes are measured one by one, beside rolling windows and ADWIN, and stand on the page."""

from __future__ import annotations

import json
import math

import pytest

from otel_clinical.backtest import (
    Injection,
    InjectionError,
    Job,
    choose_baseline,
    measure,
    parse_faults,
    read_history,
    run_backtest,
)
from otel_clinical.backtest._report import write_report
from otel_clinical.cli import main
from tests.backtest.conftest import encounters

FAULTS = "payer=medicaid:drop=5%,60%:from-row=1300"


def job(world, rows):
    mapping, policy, model = world.documents()
    history = read_history(world.csv(rows), mapping, model)
    used = choose_baseline(history, mapping, model, model.baseline.file, required=False)
    return Job(history, mapping, policy, used)


def test_each_size_is_a_fault_of_its_own():
    assert parse_faults(FAULTS) == [
        Injection("payer", "medicaid", 0.05, 1300),
        Injection("payer", "medicaid", 0.6, 1300),
    ]
    assert parse_faults("all:from-row=7:drop=1%, 2%:to-row=9")[1] == Injection("all", "all", 0.02, 7, 9)
    with pytest.raises(InjectionError, match="no share of the right answers"):
        parse_faults("all:drop=10%,")
    with pytest.raises(InjectionError, match="no drop is given"):
        parse_faults("payer=MC:from-row=10")


def test_a_large_fault_is_found_by_all_and_a_small_one_never_rolls_back(world, rows):
    found = measure(job(world, rows), parse_faults(FAULTS), processes=1)
    small, large = found
    assert math.isinf(small.labels["tier 3"])
    assert small.figures["tier 3"] == "never"
    assert small.elsewhere == ()
    for method in ("tier 1", "tier 2", "tier 3", "rolling window of 200", "ADWIN"):
        assert 10 <= large.labels[method] <= 400, method
    assert math.isinf(large.labels["rolling window of 2000"])


def test_the_table_stands_on_the_page_and_in_the_file(world, rows, tmp_path):
    work = job(world, rows)
    found = measure(work, parse_faults("payer=medicaid:drop=60%:from-row=1300"), processes=1)
    test = run_backtest(work.history, work.mapping, work.policy, work.used)
    page, data = write_report(test, tmp_path / "out", found)
    html, content = page.read_text(encoding="utf-8"), json.loads(data.read_text(encoding="utf-8"))
    assert "How long a fault stays unseen" in html
    assert "<b>payer=medicaid</b>, 60 % from row 1,300" in html
    for method in ("tier 3", "rolling window of 2000", "ADWIN"):
        assert f'<th class="n">{method}</th>' in html
    [delay] = content["delays"]
    assert delay["labels"]["rolling window of 2000"] is None
    assert delay["labels"]["tier 3"] == found[0].labels["tier 3"]
    assert "How long a fault" not in write_report(test, tmp_path / "none")[0].read_text(encoding="utf-8")


def test_a_rival_that_fired_before_says_so(world):
    rows = encounters(1600)
    for row in rows[700:950]:  # a bad fortnight in the past
        row["truth"] = str(1 - int(float(row["p"]) >= 0.5))
    [found] = measure(job(world, rows), parse_faults("all:drop=30%:from-row=1300"), processes=1)
    assert found.figures["rolling window of 200"] == "before the fault"
    assert "rolling window of 200" in found.as_dict()["fired_before"]


def test_the_command_measures_and_names_its_mistakes(world, rows, capsys):
    arguments = ["backtest", str(world.csv(rows[:1500])), "--mapping", str(world.mapping_file), "--quiet"]
    arguments += ["--policy", str(world.policy_file), "--out", str(world.folder / "out"), "--measure"]
    given = {
        "payer=medicaid:drop=60%:from-row=1300": (0, "payer=medicaid:drop=60%:from-row=1300: tier 1 "),
        "payer=medicad:drop=9%": (2, "--measure: payer=medicad is not declared, did you mean"),
        "all:drop=9%:from-row=9999": (2, "--measure: all:drop=9%:from-row=9999: no outcome of this"),
    }
    for faults, (code, words) in given.items():
        with pytest.raises(SystemExit) as stopped:
            main([*arguments, faults])
        assert stopped.value.code == code
        assert words in "".join(capsys.readouterr())
