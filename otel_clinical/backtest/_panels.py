"""The drawings of the page: one panel per segment value, and the calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from otel_clinical.backtest._fires import segment_label
from otel_clinical.backtest._svg import (
    BLUE,
    INK,
    MUTED,
    PURPLE,
    SKY,
    TIER_COLOURS,
    TIER_WORDS,
    WORDS,
    Drawing,
    Frame,
)
from otel_clinical.policy import TIERS, duration_text
from otel_clinical.semconv import AGGREGATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_clinical.backtest._encounters import Encounter
    from otel_clinical.backtest._fires import Fire
    from otel_clinical.backtest._run import Backtest

_Z = 1.96
_FEWEST = 30
"""Answers of a point in the calibration."""
_FEWEST_RECENT = 11
"""Outcomes of a point on the line, as few as the processor itself shows."""
_TICKS = 4
_WIDE = 0.25  # range of the y axis from which every second tick is enough
_DECADES = 3.0
_DASHES = {1: "1.5 2", 2: "5 2", 3: ""}


@dataclass(frozen=True)
class Panel:
    """One segment value: its drawing and the words beside it."""

    name: str
    svg: str
    evidence: str
    verdict: str
    tier: int


def panels(test: Backtest) -> list[Panel]:
    """Return one panel per segment value, the aggregate first, then by severity."""
    last = {segment_label(row.segment, row.value): row for row in test.replayed.evidence}
    found = [_panel(test, name) for name in last]
    return sorted(found, key=lambda panel: (panel.name != "all", -panel.tier, panel.name))


def _panel(test: Backtest, name: str) -> Panel:
    series = [
        (snapshot.at, row.performance, row.performance_samples)
        for snapshot in test.replayed.snapshots
        for row in snapshot.rows
        if segment_label(row.segment, row.value) == name and row.performance is not None
        if row.performance_samples >= _FEWEST_RECENT
    ]
    baseline = next(r.baseline for r in test.replayed.evidence if segment_label(r.segment, r.value) == name)
    fires = [fire for fire in test.fires if fire.segment == name]
    svg = _draw(test, name, baseline, series, fires)
    evidence = _evidence(test, name) if test.timeline.rows.get(name) else ""
    return Panel(name, svg, evidence, _verdict(fires), max((f.tier for f in fires), default=0))


def _evidence(test: Backtest, name: str) -> str:
    """Draw the present evidence of each tier; above the line at 1 it is proved that the guard is broken."""
    start, end = test.encounters[0].time, test.replayed.snapshots[-1].at
    frame = Frame((start, end), (-_DECADES, _DECADES), height=92, top=18, bottom=8)
    drawing = Drawing(frame, f"{name}: evidence by tier over time")
    drawing.text(frame.left, 12, "evidence that the drop exceeds each tier's guard (log scale)", MUTED)
    drawing.level(0.0, INK, dash="", width=1.0)
    drawing.names([(0.0, "1 = proved", INK)])
    for tier in _tiers(test):
        level, dash = TIERS[tier - 1], _DASHES[tier]
        points = [
            (snapshot.at, math.log10(max(row.current[level], 1e-9)))
            for snapshot in test.replayed.snapshots
            for row in snapshot.rows
            if segment_label(row.segment, row.value) == name
        ]
        drawing.line(points, TIER_COLOURS[tier], 1.8, dash)
        if points:
            place = frame.width - frame.right + 4 + 17 * (tier - 1)
            drawing.text(place, frame.py(-2.6), f"T{tier}", TIER_WORDS[tier])
    for power, words in ((-_DECADES, "0.001"), (0.0, "1"), (_DECADES, "1000")):
        drawing.axis_y([power], words)
    return drawing.svg()


def _verdict(fires: Sequence[Fire]) -> str:
    if not fires:
        return "no tier"
    first = {fire.tier: fire for fire in sorted(fires, key=lambda fire: -fire.at)}
    return ", ".join(f"tier {tier} at row {first[tier].row:,}" for tier in sorted(first))


def _draw(
    test: Backtest,
    name: str,
    baseline: float,
    series: Sequence[tuple[float, float, int]],
    fires: Sequence[Fire],
) -> str:
    values = [value for _, value, _ in series] + [_below(test, baseline, fire.drop) for fire in fires]
    levels = [*values, baseline, *(_threshold(test, baseline, tier) for tier in _tiers(test))]
    low, high = min(levels) - 0.04, max(levels) + 0.05
    start, end = test.encounters[0].time, test.replayed.snapshots[-1].at
    drawing = Drawing(
        Frame((start, end), (max(low, 0.0), min(high, 1.0))), f"{name}: {test.model.metric.name} over time"
    )
    shade(test, drawing, "baseline rows")
    sign = "+" if test.model.metric.scale.lower else "-"
    names: list[tuple[float, str, str]] = []
    for tier in reversed(_tiers(test)):
        level, word = _threshold(test, baseline, tier), f"{sign}{100 * test.model.tiers[TIERS[tier - 1]].drop:g} %"
        drawing.level(level, TIER_COLOURS[tier])
        names.append((level, f"T{tier} {word}", TIER_WORDS[tier]))
    drawing.level(baseline, INK, dash="", width=1.4)
    drawing.names([*names, (baseline, f"base {baseline:.2f}", INK)])
    drawing.band([(at, value - _half(value, n), value + _half(value, n)) for at, value, n in series], SKY)
    drawing.line([(at, value) for at, value, _ in series], BLUE, 2.0)
    if len(series) < 2:  # noqa: PLR2004  -- a line has two ends
        drawing.note(_why_no_line(test, name))
    for fault in test.faults:
        if fault.injection.where == name and fault.first_time is not None:
            drawing.moment(fault.first_time, f"fault: {fault.injection.drop:.0%} of right answers wrong", WORDS[PURPLE])
    for fire in fires:
        drawing.mark(fire.at, _below(test, baseline, fire.drop), fire.tier, f"tier {fire.tier}: {fire.reason}")
    drawing.axis_y(_y_ticks(drawing.frame))
    drawing.axis_x(x_ticks(test, drawing.frame))
    return drawing.svg()


def shade(test: Backtest, drawing: Drawing, label: str = "") -> None:
    """Shade the time that the baseline was frozen from."""
    inside = [encounter.time for encounter in test.encounters if test.used.holds(encounter)]
    if inside:
        drawing.span(min(inside), max(inside), label)


def _tiers(test: Backtest) -> list[int]:
    """Return the numbers of the tiers that the policy has: reviews never reach the third."""
    return [tier for tier, level in enumerate(TIERS, start=1) if level in test.model.tiers]


def _threshold(test: Backtest, baseline: float, tier: int) -> float:
    return _below(test, baseline, test.model.tiers[TIERS[tier - 1]].drop)


def _below(test: Backtest, baseline: float, drop: float) -> float:
    """Return the metric that is `drop` worse than the baseline, in the policy's kind of drop."""
    return test.model.metric.scale.limit(baseline, drop)


def _why_no_line(test: Backtest, name: str) -> str:
    if not any(name in _places(encounter, test) for encounter in test.encounters):
        return "no encounters"
    if not test.timeline.rows.get(name):
        return "no outcomes"
    return f"too few outcomes to draw: fewer than {_FEWEST_RECENT} in {duration_text(test.policy.drift.window)}"


def _places(encounter: Encounter, test: Backtest) -> set[str]:
    names = (*encounter.segments, *test.model.pair_names)
    return {AGGREGATE, *(segment_label(name, encounter.value_of(name)) for name in names)}


def _half(value: float, n: int) -> float:
    return _Z * math.sqrt(max(value * (1 - value), 1e-6) / n)


def _y_ticks(frame: Frame) -> list[float]:
    low, high = frame.y
    step = 0.1 if high - low > _WIDE else 0.05
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)]


def x_ticks(test: Backtest, frame: Frame, count: int = _TICKS) -> list[tuple[float, str, str]]:
    """Return a few moments with their month and row."""
    start, end = frame.x
    ticks = []
    for i in range(count):
        at = start + (end - start) * (i + 0.5) / count
        day = datetime.fromtimestamp(at, UTC).strftime("%b %Y")
        ticks.append((at, day, f"row {test.timeline.row_of(at):,}"))
    return ticks
