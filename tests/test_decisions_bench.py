"""The delays benchmark: the rivals do what they are said to do, and the report says it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import _rivals, decisions
from benchmarks._decisions_report import markdown, write_report
from benchmarks._delays import (
    CUSUM,
    DROPS,
    KNOWN,
    ROLLBACK,
    TIERS,
    Delay,
    against_cusum,
    designed,
    name,
    proof,
    reached,
)
from benchmarks._fleet_years import ASSUMED, WORLDS
from otel_clinical.policy import load_policy


def errors(before, after, *, seed=1, n=2000):
    rng = np.random.default_rng(seed)
    wrong = np.concatenate((np.full(n, before), np.full(n, after)))
    return (rng.random(2 * n) < wrong).astype(float)


def test_the_cusum_is_wrong_as_seldom_as_it_was_tuned_to_be():
    threshold = _rivals.cusum_threshold(0.1, 0.2, 500.0)
    rng = np.random.default_rng(2)
    lengths = [
        _rivals.cusum((rng.random(6000) < 0.1).astype(float), 0, ordinary=0.1, worse=0.2, threshold=threshold)
        for _ in range(400)
    ]
    assert np.mean(lengths) == pytest.approx(500, rel=0.15)


def test_a_rolling_window_fires_when_its_share_reaches_the_limit():
    stream = np.concatenate((np.zeros(300), np.ones(300)))
    assert _rivals.window(stream, 300, size=100, limit=0.5) == 50
    assert math.isinf(_rivals.window(np.zeros(600), 300, size=100, limit=0.5))


@pytest.mark.parametrize("method", [_rivals.adwin, _rivals.ddm])
def test_a_detector_fires_after_a_large_drop_and_not_without_one(method):
    assert method(errors(0.05, 0.5), 2000) < 500
    assert math.isinf(method(np.zeros(3000), 2000))


def test_the_proof_comes_after_a_large_drop_and_not_within_the_guard():
    model = (
        load_policy("examples/policy.yaml").models["coding"].model_copy(update={"standardise_by": None, "segments": {}})
    )
    design = designed(model, KNOWN)
    assert 0 < proof(design, ROLLBACK, errors(0.1, 0.37), 2000) < 300
    assert math.isinf(proof(design, ROLLBACK, errors(0.1, 0.12), 2000))


def test_the_report_names_every_method_and_says_never(tmp_path):
    found = [Delay("ours", 0.1, math.inf, math.inf, 1.0, 0.0), Delay("ours", 0.2, 100.0, 200.0, 0.0, 0.005)]
    assert "| ours | never (never) | 100 (200) | 0.5% |" in markdown(found)
    write_report(found, tmp_path / "new")
    assert (tmp_path / "new" / "decisions.png").stat().st_size > 1000


def test_the_short_form_keeps_every_promise():
    """Seeded: false alarms within the budget, and at most 1.15 times the labels of the CUSUM that was told the drop."""
    rows = decisions.run(short=True)
    assert [one.measure for one in rows if not one.ok] == []
    told = [one for one in rows if "told the drop" in one.measure]
    assert [one.must for one in told] == ["<= 1.15"] * 4
    assert sum("fleet-years without a drop" in one.measure for one in rows) == 3


def test_a_slower_proof_would_miss_the_promise():
    """Negative control."""
    ours, best = name(ROLLBACK, KNOWN), CUSUM
    found = [Delay(method, 0.15, labels, 900.0, 0.0, 0.0) for method, labels in ((ours, 400.0), (best, 320.0))]
    assert against_cusum(found) == {0.15: 1.25}


def test_the_report_holds_every_method_drop_and_world(tmp_path, monkeypatch):
    delays = replace(decisions.SHORT.delays, runs=2)
    tiny = replace(decisions.SHORT, delays=delays, years=2, wrong_years=2, models=1, tasks=1)
    monkeypatch.setattr(decisions, "SHORT", tiny)
    decisions.report(tmp_path, short=True)
    lines = (tmp_path / "decisions.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| method | 5% | 8% | 10% | 13% | 15% | 20% | 30% | 50% | before any drop |"
    assert len(DROPS) == 8
    methods = [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]]
    rivals = ["rolling window of 200", "rolling window of 500", "rolling window of 2000", "ADWIN", "DDM", CUSUM]
    reaching = [f"{level} reached, baseline of 5,000 labels" for level in TIERS]
    assert methods[6:] == [*reaching, *rivals, "rollback, baseline known, over that CUSUM"]
    assert all("baseline" in method for method in methods[:6])
    worlds = (tmp_path / "fleet-years.md").read_text(encoding="utf-8")
    assert all(f"| {world.name} |" in worlds for world in (ASSUMED, *WORLDS))
    assert {path.name for path in tmp_path.glob("*.png")} == {"decisions.png", "fleet-years.png"}


def test_a_tier_is_reached_after_its_proof_and_not_where_the_drop_is_smaller_than_its_own():
    model = decisions._model()
    design = designed(model, KNOWN)
    worse, mild = errors(0.1, 0.37), errors(0.1, 0.19, n=6000)
    assert proof(design, ROLLBACK, worse, 2000) <= reached(model, design, worse, 2000)[ROLLBACK] < 300
    assert not math.isinf(proof(design, ROLLBACK, mild, 6000))
    assert math.isinf(reached(model, design, mild, 6000)[ROLLBACK])
