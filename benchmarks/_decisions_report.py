"""The delays as a Markdown table and a plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure

from benchmarks._delays import CUSUM, KNOWN, REFERENCE, TIERS, against_cusum, name, tier_name

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks._delays import Delay

_LOOKS: Final = {
    str(TIERS[0]): ("#56B4E9", "o"),
    str(TIERS[1]): ("#E69F00", "s"),
    str(TIERS[2]): ("#D55E00", "D"),
}
_RIVALS: Final = {
    "rolling window of 200": ("#009E73", "v"),
    "rolling window of 500": ("#009E73", "^"),
    "rolling window of 2000": ("#009E73", "<"),
    "ADWIN": ("#0072B2", "o"),
    "DDM": ("#CC79A7", "s"),
}


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
    figure = Figure(figsize=(12, 6), layout="constrained")
    ours, beside = figure.subplots(1, 2, sharey=True)
    known = {name(level, reference) for level in TIERS for reference in (KNOWN, REFERENCE)}
    methods = list(dict.fromkeys(one.method for one in found))
    for method in methods:
        points = [(one.drop, one.median) for one in found if one.method == method and math.isfinite(one.median)]
        if not points:
            continue
        if method in known or method == CUSUM:
            ours.plot(*zip(*points, strict=True), label=method, **_style(method))
        if method in _RIVALS or method in {CUSUM, tier_name(TIERS[-1])}:
            beside.plot(*zip(*points, strict=True), label=method, **_style(method))
    for axes, title in ((ours, "each tier's proof, beside the CUSUM"), (beside, "the rollback tier beside the rest")):
        axes.set(title=title, xlabel="true drop", yscale="log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(visible=True, alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
    ours.set_ylabel("median labels until the alarm (no point: most runs have none)")
    return figure


def _style(method: str) -> dict[str, Any]:
    """Return how a method is drawn: colours that everybody can tell apart, and a marker of its own."""
    what = method.split(",", maxsplit=1)[0].removesuffix(" reached")
    colour, marker = (_LOOKS | _RIVALS).get(what, ("#000000", "*"))
    line = ":" if method == CUSUM else "--" if method.endswith("labels") else "-"
    return {"color": colour, "marker": marker, "markersize": 5, "linestyle": line}
