"""The evidence plot: what it shows, what it must not show, and what it says where there is nothing."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_clinical.policy import load_policy
from otel_clinical.rollback._evidence_guards import records, samples
from otel_clinical.rollback.leaving import leaving
from otel_clinical.rollback.page._evidence import show_evidence
from otel_clinical.rollback.page._moments import Moments
from otel_clinical.rollback.page._plot import HEIGHT, WIDTH, Mark, Point, layout
from otel_clinical.rollback.prometheus import PrometheusUnavailableError
from otel_clinical.semconv import metrics
from tests.rollback._situations import sample, terms

NOW = 1_790_000_000.0
MOMENTS = Moments(NOW)
TIERS = [("tier 1", 0.05), ("tier 2", 0.10), ("tier 3", 0.15)]
POLICY = load_policy(Path(__file__).parents[2] / "examples" / "policy.yaml").models["coding"]


class Answers:
    """A Prometheus that answers range queries by the metric's name."""

    def __init__(self, **histories: list[tuple[float, float]]) -> None:
        self.histories = histories
        self.up = True

    def history(self, expression: str, *_: float) -> list[tuple[float, float]]:
        if not self.up:
            raise PrometheusUnavailableError("query failed: ConnectError")
        return next((found for name, found in self.histories.items() if f"({name}{{" in expression), [])


def incident(**changes: Any) -> dict[str, Any]:
    look = {"taken_at": NOW - 60, "samples": 240.0, "drop": 0.2, "change_point": NOW - 7200, "evidence": 12.0}
    return {
        "key": {"model": "coding", "cause": "performance", "segment": {"name": "payer", "value": "medicaid"}},
        "version": "8",
        "opened_at": NOW - 600,
        "last": look,
        "events": [],
        **changes,
    }


def answers(samples: float) -> Answers:
    times = [NOW - 3600 + 60 * i for i in range(50)]
    return Answers(
        **{
            metrics.EVIDENCE_SAMPLES.prometheus: [(at, samples) for at in times],
            metrics.DEGRADATION_RATIO.prometheus: [(at, 0.2) for at in times],
        }
    )


def shown(prometheus: Answers, **changes: Any) -> Any:
    return show_evidence(prometheus, leaving(incident(**changes)), POLICY, MOMENTS)  # type: ignore[arg-type]


def test_the_history_in_prometheus_is_drawn() -> None:
    found = shown(answers(100))
    assert found.plot is not None
    assert found.source.startswith("From Prometheus")
    assert [line.word for line in found.plot.lines] == ["baseline", "tier 1: 5 %", "tier 2: 10 %", "tier 3: 15 %"]
    assert {mark.word for mark in found.plot.uprights} == {"change point", "alert heard"}


@pytest.mark.parametrize("samples", [1, 10])
def test_drops_of_few_patients_are_not_drawn_from_either_source(samples: float) -> None:
    few = {**incident()["last"], "samples": float(samples)}
    found = shown(answers(samples), last=few)
    assert found.plot is None
    assert "no figures of this time that may be shown" in found.source
    assert "no look with enough labels" in found.source


def test_drops_whose_count_nobody_knows_are_not_drawn() -> None:
    prometheus = answers(100)
    del prometheus.histories[metrics.EVIDENCE_SAMPLES.prometheus]
    assert "its own looks" in shown(prometheus).source


def test_without_prometheus_the_looks_in_the_audit_are_drawn_and_the_page_says_so() -> None:
    prometheus = answers(100)
    prometheus.up = False
    earlier = {"taken_at": NOW - 300, "samples": 100.0, "drop": 0.1}
    events = [{"data": {"evidence": earlier}}, {"data": {}}]
    found = shown(prometheus, events=events)
    assert found.source == (
        "Prometheus did not answer (query failed: ConnectError). Shown is what the controller saw at its own looks."
    )
    assert len(found.plot.paths) == 1


def test_an_incident_of_input_says_why_it_has_no_plot() -> None:
    key = {**incident()["key"], "cause": "input"}
    assert shown(answers(100), key=key) == shown(answers(0), key=key)
    assert "counts of records" in shown(answers(100), key=key).source


@given(
    drops=st.lists(st.floats(-0.5, 1.0), min_size=1, max_size=40),
    apart=st.floats(1.0, 1e5),
    marks=st.lists(st.floats(-1e6, 1e6), max_size=3),
)
def test_everything_drawn_lies_inside_the_drawing(drops: list[float], apart: float, marks: list[float]) -> None:
    points = [Point(NOW + i * apart, drop, drop - 0.1, drop + 0.1) for i, drop in enumerate(drops)]
    plot = layout(points, TIERS, [Mark(NOW + at, "change point", "change") for at in marks], apart, MOMENTS)
    numbers = [
        part.split(" ") for path in (*plot.paths, *plot.bands) for part in path[1:].removesuffix(" Z").split(" L")
    ]
    spots = [(float(x), float(y)) for x, y in numbers] + list(plot.dots)
    spots += [(mark.x, mark.text_y) for mark in plot.uprights] + [(1.0, line.y) for line in plot.lines]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in spots)


def test_what_nobody_saw_is_not_drawn_as_a_line() -> None:
    points = [Point(NOW + at, 0.1) for at in (0, 60, 120, 3600, 3660)]
    assert len(layout(points, TIERS, [], 60.0, MOMENTS).paths) == 2
    assert layout([Point(NOW, 0.1)], TIERS, [], 60.0, MOMENTS).dots != ()


@given(count=st.integers(1, 10), unit=st.sampled_from(["labels", "records", "outcomes"]))
def test_no_sentence_leaves_with_a_count_of_few(count: int, unit: str) -> None:
    told = leaving({"because": f"evidence 3.20 on {count} {unit}, needs 1 on 100", "seen": [f"{count} {unit}"]})
    assert told == {"because": f"<11 {unit}, needs 1 on 100", "seen": [f"<11 {unit}"]}


@given(count=st.integers(1, 10), kind=st.sampled_from(["outcomes", "records"]))
def test_no_guard_as_it_is_worded_leaves_with_a_count_of_few(count: int, kind: str) -> None:
    look = sample(samples=float(count), evidence=3.21)
    report = records(terms(), look) if kind == "records" else samples(terms(), look, look)
    told = leaving({"reason": f"{report.guard}: {report.because}", "guards": [asdict(report)], "last": asdict(look)})
    assert f"<11 {kind}" in told["guards"][0]["because"]
    assert f"<11 {kind}" in told["reason"]
    assert not re.search(rf"(?<![\d.]){count} {kind}|3\.21", str(told))


@given(count=st.integers(11, 10**9))
def test_counts_of_many_stay_as_they_are(count: int) -> None:
    kept = {"because": f"evidence 3.20 on {count} labels", "samples": count, "drop": 0.2}
    assert leaving(kept) == kept


def test_guards_of_few_patients_lose_their_figures_and_keep_their_results() -> None:
    report = {
        "guard": "case_mix",
        "result": "fail",
        "because": "drop 25.0 %, tier from 15.0 %",
        "facts": {"drop": 0.25},
    }
    look = {**incident()["last"], "samples": 4.0, "strata": [{"drop": 0.5}], "lower": 0.1}
    told = leaving({"last": look, "guards": [report], "reason": "case_mix: drop 25.0 %"})
    assert "25" not in str(told)
    assert told["guards"][0]["result"] == "fail"
    assert told["last"]["lower"] is None
    assert told["last"]["change_point"] == look["change_point"]
    many = leaving({"last": {**look, "samples": 40.0}, "guards": [report]})
    assert (many["guards"], many["last"]["strata"]) == ([report], [])
