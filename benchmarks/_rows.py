"""The rows of a benchmark, how they are printed and written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One measure against its baseline.

    `must` is what the ratio must satisfy, such as "<= 1.25"; empty for a figure that only informs.
    """

    measure: str
    ours: float
    baseline: float
    ratio: float
    must: str
    ok: bool


def row(measure: str, ours: float, baseline: float, must: str = "") -> Row:
    """Compare `ours` with `baseline` and judge the ratio.

    >>> row("cost", 2.0, 4.0, "<= 1").ok
    True
    """
    ratio = ours / baseline if baseline else float("inf")
    return Row(measure, ours, baseline, ratio, must, _holds(ratio, must))


def _holds(ratio: float, must: str) -> bool:
    if not must:
        return True
    sign, limit = must.split()
    if sign == "<=":
        return ratio <= float(limit)
    if sign == ">=":
        return ratio >= float(limit)
    raise ValueError(f"must is {must!r}, expected '<= NUMBER' or '>= NUMBER'")


def table(rows: list[Row]) -> str:
    """Lay the rows out as aligned text."""
    head = ("measure", "ours", "baseline", "ratio", "must", "ok")
    body = [
        (one.measure, f"{one.ours:.4g}", f"{one.baseline:.4g}", f"{one.ratio:.3g}", one.must, "yes" if one.ok else "NO")
        for one in rows
    ]
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    lines = [
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (head, *body)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def write(path: Path, rows: list[Row]) -> None:
    """Write the rows as a JSON list."""
    path.write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n")
