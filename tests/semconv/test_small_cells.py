"""Figures of fewer than eleven patients leave no exit; those of eleven do."""

import json
from types import SimpleNamespace

import pytest

from otel_clinical.backtest._calibration import calibrate
from otel_clinical.cli import main
from otel_clinical.policy import BaselineBuilder
from otel_clinical.report.incident import incident_report
from otel_clinical.semconv.small_cells import SMALL_CELL, count_text, enough, if_enough


def _incident(samples: int) -> dict:
    return {
        "id": "0" * 16,
        "key": {"model": "coding", "cause": "performance", "segment": {"name": "payer", "value": "medicaid"}},
        "version": "8",
        "state": "inconclusive",
        "opened_at": 1_790_000_000.0,
        "last": {"drop": 0.4321, "samples": samples, "evidence": 7.0},
    }


@pytest.fixture
def shown(tmp_path, capsys):
    def call(few: int, *words: str) -> str:
        builder = BaselineBuilder("coding", segments={"payer": ("medicaid", "medicare")})
        for number in range(400):
            builder.add({"payer": "medicaid" if number < few else "medicare"}, float(number % 7 != 0))
        file = tmp_path / f"{few}.json"
        builder.build().save(file)
        with pytest.raises(SystemExit):
            main(["baseline", *(str(tmp_path / word) if word.endswith(".json") else word for word in words)])
        return capsys.readouterr().out

    return call


def _line(page: str) -> str:
    (found,) = (line for line in page.splitlines() if line.startswith("payer=medicaid"))
    return found


def test_the_rule_is_eleven_and_none_is_nobody():
    assert [count for count in range(13) if not enough(count)] == list(range(1, SMALL_CELL))
    assert (if_enough(10, 0.5), if_enough(11, 0.5)) == (None, 0.5)
    assert (count_text(10), count_text(11), count_text(0)) == ("<11", "11", "0")


@pytest.mark.parametrize(("few", "hidden"), [(10, True), (11, False)])
def test_a_baseline_shows_no_small_cell(shown, few, hidden):
    line = _line(shown(few, "show", f"{few}.json"))
    assert ("too few to show" in line) is hidden
    assert (str(few) in line.split()) is not hidden


@pytest.mark.parametrize(("few", "hidden"), [(10, True), (11, False)])
def test_neither_does_a_comparison_of_two(shown, few, hidden):
    shown(200, "show", "200.json")
    line = _line(shown(few, "diff", "200.json", f"{few}.json"))
    assert ("too few to show" in line) is hidden
    assert f"200 -> {'<11' if hidden else few}" in line


@pytest.mark.parametrize(("samples", "hidden"), [(10, True), (11, False)])
def test_an_incident_report_shows_no_small_cell(samples, hidden):
    report = incident_report(_incident(samples))
    page = json.dumps([report.headline, *([fact.name, fact.value] for fact in report.facts)])
    assert ("43" in page) is not hidden
    assert ("Outcomes it rests on" in page) is not hidden


@pytest.mark.parametrize(("few", "hidden"), [(10, True), (11, False)])
def test_a_backtest_shows_no_calibration_of_a_small_cell(few, hidden):
    encounters = [
        SimpleNamespace(confidence=0.8, score=1.0, segments={"payer": "medicaid" if number < few else "medicare"})
        for number in range(100)
    ]
    names = {group.name for group in calibrate(encounters)}
    assert ("payer=medicaid" not in names) is hidden
    assert {"all", "payer=medicare"} <= names


@pytest.mark.parametrize(("few", "hidden"), [(10, True), (11, False)])
def test_a_calibration_shows_no_small_bin(few, hidden):
    encounters = [SimpleNamespace(confidence=0.2 if n < few else 0.8, score=1.0, segments={}) for n in range(100)]
    (group,) = calibrate(encounters)
    assert len(group.bins) == (1 if hidden else 2)
    assert group.error == pytest.approx(0.8 * few / 100 + 0.2 * (100 - few) / 100)
