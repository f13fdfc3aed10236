"""The panels draw what there is, and say why there is no line."""

from __future__ import annotations

import re

from otel_clinical.backtest import choose_baseline, parse_injection, read_history, run_backtest
from otel_clinical.backtest._panels import panels
from otel_clinical.policy import BaselineBuilder

FAULT = "all:drop=60%:from-row=250"


def drawn(world, rows, *faults, **changes):
    """Return the panels by name; `changes` are made to the policy, and its baseline is frozen from `rows`."""
    text = world.policy_file.read_text(encoding="utf-8").replace("window: 10d", f"window: {changes['window']}")
    world.policy_file.write_text(text, encoding="utf-8")
    mapping, policy, model = world.documents()
    history = read_history(world.csv(rows), mapping, model)
    builder = BaselineBuilder.for_model("coding", model)
    for payer in ("medicaid", "medicare"):
        for department in ("cardiology", "surgery"):
            for n in range(500):
                builder.add({"payer": payer, "department": department}, score=float(n % 10 > 0))
    builder.build(created_at=0.0).save(world.folder / "baseline.json")
    used = choose_baseline(history, mapping, model, model.baseline.file, required=True)
    test = run_backtest(history, mapping, policy, used, injections=[parse_injection(fault) for fault in faults])
    return test, {panel.name: panel for panel in panels(test)}


def test_twenty_outcomes_a_day_are_enough_for_a_line(world, rows):
    _, shown = drawn(world, rows, window="1d")
    for name in ("all", "payer=medicaid", "payer=medicare"):
        assert 'stroke="#0072B2"' in shown[name].svg
        assert "too few" not in shown[name].svg


def test_a_panel_with_too_few_outcomes_says_so(world, rows):
    _, shown = drawn(world, rows[::8], window="6h")
    assert "too few outcomes to draw: fewer than 11 in 6h" in shown["payer=medicaid"].svg
    assert 'stroke="#0072B2"' not in shown["payer=medicaid"].svg


def test_a_value_without_encounters_says_so_and_has_no_evidence(world, rows):
    _, shown = drawn(world, [row for row in rows[:600] if row["payer"] == "medicare"], window="1d")
    assert "no encounters" in shown["payer=medicaid"].svg
    assert shown["payer=medicaid"].evidence == ""
    assert "no encounters" not in shown["payer=medicare"].svg


def test_marks_stand_at_the_drop_of_the_fire_with_or_without_a_line(world, rows):
    test, shown = drawn(world, rows[::4], FAULT, window="6h")
    fire = next(fire for fire in test.fires if fire.segment == "all" and fire.tier == 1)
    svg = shown["all"].svg
    assert "too few outcomes to draw" in svg
    levels = re.findall(r'<polyline points="[\d.]+,([\d.]+) [^"]+" fill="none" stroke="(#\w+)"', svg)
    row = {colour: float(y) for y, colour in levels}
    base, third = row["#1a1a1a"], row["#CC79A7"]
    mark = float(re.search(r'<circle cx="[\d.]+" cy="([\d.]+)"', svg).group(1))
    # Pixels grow downwards, in proportion to the drop: the third tier's threshold is at 15 %.
    assert fire.drop > 0.05
    assert abs((mark - base) - (third - base) * fire.drop / 0.15) < 1.0
