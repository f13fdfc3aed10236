"""Proofs without a drop as a Markdown table and a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks._fleet_years import Rate

_COLOURS: Final = ("#56B4E9", "#E69F00", "#D55E00")


def write_rates(found: Sequence[Rate], folder: Path) -> None:
    """Write `fleet-years.md` and `fleet-years.png`; the folder is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fleet-years.md").write_text(markdown(found), encoding="utf-8")
    _plot(found).savefig(folder / "fleet-years.png", dpi=120)


def markdown(found: Sequence[Rate]) -> str:
    """Return one line per world: proofs of each tier beside what the policy accepts in the same time."""
    levels = list(dict.fromkeys(one.level for one in found))
    lines = [
        "| world | fleet-years | " + " | ".join(f"{level} (accepted)" for level in levels) + " |",
        "|---" * (len(levels) + 2) + "|",
    ]
    for world in dict.fromkeys(one.world for one in found):
        mine = {one.level: one for one in found if one.world == world}
        figures = [f"{mine[level].proofs:,} ({_accepted(mine[level])})" for level in levels]
        lines.append(f"| {world} | {mine[levels[0]].years:,.0f} | " + " | ".join(figures) + " |")
    return "\n".join(lines) + "\n"


def _accepted(one: Rate) -> str:
    return f"{one.accepted:,.0f}" if one.accepted >= 1 else f"{one.accepted:.1f}"


def _plot(found: Sequence[Rate]) -> Figure:
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    worlds = list(dict.fromkeys(one.world for one in found))
    levels = list(dict.fromkeys(one.level for one in found))
    height = 0.8 / len(levels)
    for place, level in enumerate(levels):
        mine = [one for one in found if one.level == level]
        rows = [worlds.index(one.world) + place * height for one in mine]
        shares = [one.proofs / one.accepted for one in mine]
        bars = axes.barh(rows, shares, height, label=level, color=_COLOURS[place % len(_COLOURS)])
        axes.bar_label(bars, [f"{one.proofs:,}, accepted {_accepted(one)}" for one in mine], padding=3, fontsize=7)
    axes.axvline(1.0, color="black", linewidth=1, label="what the policy accepts")
    axes.set_xscale("symlog", linthresh=0.01)
    most = max(one.proofs / one.accepted for one in found)
    axes.set(xlabel="proofs without a drop, as a share of what the policy accepts", xlim=(0, 20 * max(most, 1.0)))
    axes.set_yticks([row + height for row in range(len(worlds))], worlds, fontsize=8)
    axes.invert_yaxis()
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    return figure
