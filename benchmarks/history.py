"""Real encounters with known faults: labels to each tier beside rolling windows and ADWIN, and quiet without a fault.

Needs the data of `examples/diabetes130` in the folder that `OTEL_CLINICAL_DATA` names. The rivals see the same labels
of the same segment value in the same order. From row 20,000 on a share of the right answers becomes wrong.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._rows import Row, row
from otel_clinical.backtest import (
    Injection,
    Job,
    Measured,
    choose_baseline,
    mapped_policy,
    measure,
    read_history,
    read_mapping,
    run_backtest,
)
from otel_clinical.policy import load_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLE = Path(__file__).parents[1] / "examples" / "diabetes130"
FILE = "diabetes130-first40k.csv.gz"
PLACES = (("all", "all"), ("payer", "MC"), ("specialty", "internal-medicine"))
DROPS = (0.10, 0.15, 0.20, 0.30)
FROM_ROW = 20_000
ROLLBACK = 3
MOST_NAMES = 4


def run() -> list[Row]:
    """Judge the quiet run, and compare tier 3 with a rolling window of 500."""
    quiet, found = _all()
    rows = [row("tier 3 fires in 30,000 encounters without a fault", len(quiet), 1, "<= 0")]
    for one in found:
        ours, window = one.labels["tier 3"], one.labels["rolling window of 500"]
        if math.isfinite(ours) and math.isfinite(window):
            where = f"{one.injection.where}, {one.injection.drop:.0%}"
            rows.append(row(f"labels to tier 3, {where}, against a rolling window of 500", ours, window))
    return rows


def report(folder: Path) -> None:
    """Write `history.md`: every fault, every method."""
    folder.mkdir(parents=True, exist_ok=True)
    quiet, found = _all()
    (folder / "history.md").write_text(markdown(quiet, found), encoding="utf-8")


def markdown(quiet: list[str], found: list[Measured]) -> str:
    """Return a line per fault and a column per method."""
    methods = list(found[0].labels)
    lines = [
        "| fault | " + " | ".join(methods) + " | tier 3 elsewhere |",
        "|---" * (len(methods) + 2) + "|",
        f"| none | {' | '.join('' for _ in methods)} | {_names(quiet)} |",
    ]
    for one in found:
        figures = " | ".join(one.figures.values())
        lines.append(f"| {one.injection.where}, {one.injection.drop:.0%} | {figures} | {_names(one.elsewhere)} |")
    return "\n".join(lines) + "\n"


def _names(values: Sequence[str]) -> str:
    return f"{len(values)} values" if len(values) > MOST_NAMES else ", ".join(values) or "none"


def _all() -> tuple[list[str], list[Measured]]:
    """Return the tier 3 fires of the quiet run, and every fault with what found it."""
    with tempfile.TemporaryDirectory() as name:
        job = _prepare(Path(name))
        quiet = run_backtest(job.history, job.mapping, job.policy, job.used)
        faults = [Injection(*place, drop, FROM_ROW) for place in PLACES for drop in DROPS]
        return [fire.segment for fire in quiet.fires_of(ROLLBACK)], measure(job, faults)


def _prepare(folder: Path) -> Job:
    """Score the encounters, freeze the baseline, and read both."""
    given = os.environ.get("OTEL_CLINICAL_DATA")
    if not given or not (Path(given) / FILE).is_file():
        raise SystemExit(f"set OTEL_CLINICAL_DATA to the folder that holds {FILE}; see examples/diabetes130")
    command = [sys.executable, str(EXAMPLE / "score.py"), str(Path(given) / FILE), "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=EXAMPLE.parents[1])  # noqa: S603 -- our own example
    mapping = read_mapping(EXAMPLE / "mapping.yaml")
    policy = mapped_policy(load_policy(EXAMPLE / "policy.yaml", baselines=False), mapping)
    model = policy.models[mapping.model]
    history = read_history(folder / "scored.csv.gz", mapping, model)
    used = choose_baseline(history, mapping, model, folder / "baseline.json", required=True)
    return Job(history, mapping, policy, used)
