"""The delays as a Markdown table and a plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from benchmarks._delays import against_cusum

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks._delays import Delay


def write_report(found: list[Delay], folder: Path) -> None:
    """Write `decisions.md` and `decisions.png`; the folder is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decisions.md").write_text(markdown(found), encoding="utf-8")
    _plot(found).savefig(folder / "decisions.png", dpi=120)


def markdown(found: list[Delay]) -> str:
    """Return one line per method: median (90th percentile) labels per drop, and how often it fired before any drop."""
    drops = sorted({one.drop for one in found})
    cells = {(one.method, one.drop): one for one in found}
    lines = [
        "| method | " + " | ".join(f"{drop:.0%}" for drop in drops) + " | before any drop |",
        "|---" * (len(drops) + 2) + "|",
    ]
    for method in dict.fromkeys(one.method for one in found):
        early = max(one.early for one in found if one.method == method)
        figures = [_figure(cells.get((method, drop))) for drop in drops]
        lines.append(f"| {method} | " + " | ".join(figures) + f" | {early:.1%} |")
    ratios = against_cusum(found)
    if ratios:
        shown = [f"{ratios[drop]:.2f}" if drop in ratios else "-" for drop in drops]
        lines.append(f"| rollback, baseline known, over that CUSUM | {' | '.join(shown)} | |")
    return "\n".join(lines) + "\n"


def _figure(one: Delay | None) -> str:
    if one is None:
        return "-"
    return f"{_labels(one.median)} ({_labels(one.slow)})"


def _labels(labels: float) -> str:
    return "never" if math.isinf(labels) else f"{labels:,.0f}"


def _plot(found: list[Delay]) -> Figure:
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots()
    styles = ["-", "--", "-.", ":"]
    for place, method in enumerate(dict.fromkeys(one.method for one in found)):
        points = [(one.drop, one.median) for one in found if one.method == method and math.isfinite(one.median)]
        axes.plot(*zip(*points, strict=True), styles[place % len(styles)], marker="o", markersize=3, label=method)
    axes.set(xlabel="true drop", ylabel="median labels until the alarm", yscale="log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    return figure
