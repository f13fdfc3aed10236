"""Real encounters as inputs: what moved against the first years, and that nothing moved when they are shuffled.

Needs the data of `examples/diabetes130` in the folder that `OTEL_CLINICAL_DATA` names. The baseline is frozen from rows
10,001 to 20,000, in which no payer is known; rows 20,001 to 40,000 are the test. Shuffled, every row keeps its time and
gets the content of another, so nothing can have moved.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._rows import Row, row
from otel_clinical.backtest import (
    Backtest,
    as_json,
    choose_baseline,
    mapped_policy,
    read_history,
    read_mapping,
    run_backtest,
)
from otel_clinical.policy import load_policy

if TYPE_CHECKING:
    from typing import Any

EXAMPLE = Path(__file__).parents[1] / "examples" / "diabetes130"
FILE = "diabetes130-first40k.csv.gz"
ROWS = "baseline: {from_row: 10001, to_row: 20000}"
SHUFFLES = 5
ROLLBACK = 3
EXPECTED = ("payer", "specialty")
Found = dict[str, "Any"]


def run() -> list[Row]:
    """Judge the encounters as they were, and shuffled."""
    real, shuffled = _all()
    moved = {one["feature"] for one in real["moved"] if one["segment"] == "all"}
    false = sum(len(one["moved"]) for one in shuffled)
    rows = [row(f"{name} proved to have moved", float(name in moved), 1, ">= 1") for name in EXPECTED]
    rows.append(row(f"inputs proved to have moved in {SHUFFLES} shuffles", false, 1, "<= 0"))
    rows.append(row("tier 3 fires without a fault", _rollbacks(real), 1, "<= 0"))
    return rows


def report(folder: Path) -> None:
    """Write `inputs.md`: every input that moved, and what the shuffles found."""
    folder.mkdir(parents=True, exist_ok=True)
    real, shuffled = _all()
    (folder / "inputs.md").write_text(markdown(real, shuffled), encoding="utf-8")


def markdown(real: Found, shuffled: list[Found]) -> str:
    """Return a line per input that moved in all segments together, and a line about the others."""
    whole = [one for one in real["moved"] if one["segment"] == "all"]
    lines = ["| input | what | lie elsewhere | PSI beyond chance | proved at row | time |", "|---" * 6 + "|"]
    lines += [
        f"| {one['feature']} | {', '.join(one['aspects'])} | {one['moved']:.1%} | {one['psi']:+.2f} "
        f"| {one['first_row']:,} | {one['first'][:10]} |"
        for one in whole
    ]
    parts = sorted({one["segment"] for one in real["moved"]} - {"all"})
    counts = ", ".join(str(len(one["moved"])) for one in shuffled)
    lines += [
        "",
        f"Segment values in which an input was proved to have moved: {', '.join(parts) or 'none'}.",
        f"Shuffled {len(shuffled)} times, inputs proved to have moved: {counts}.",
        f"Tier 3 fires without a fault: {_rollbacks(real)}.",
    ]
    return "\n".join(lines) + "\n"


def _rollbacks(found: Found) -> int:
    return sum(fire["tier"] == ROLLBACK for fire in found["fires"])


def _all() -> tuple[Found, list[Found]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            real = pool.submit(_replayed, folder, None)
            return real.result(), list(pool.map(_replayed, [folder] * SHUFFLES, range(SHUFFLES)))


def _prepare(folder: Path) -> None:
    """Score the encounters, and let the baseline be of the first rows only."""
    given = os.environ.get("OTEL_CLINICAL_DATA")
    if not given or not (Path(given) / FILE).is_file():
        raise SystemExit(f"set OTEL_CLINICAL_DATA to the folder that holds {FILE}; see examples/diabetes130")
    command = [sys.executable, str(EXAMPLE / "score.py"), str(Path(given) / FILE), "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=EXAMPLE.parents[1])  # noqa: S603 -- our own example
    text = (EXAMPLE / "mapping.yaml").read_text(encoding="utf-8")
    # No payer is known in the baseline's rows: as a segment it has no reference, as an input it has.
    kept = [line for line in text.splitlines() if not line.startswith(("baseline:", "  payer: {column: payer_code, m"))]
    (folder / "mapping.yaml").write_text("\n".join([*kept, ROWS, ""]), encoding="utf-8")


def _replayed(folder: Path, seed: int | None) -> Found:
    mapping = read_mapping(folder / "mapping.yaml")
    policy = mapped_policy(load_policy(EXAMPLE / "policy.yaml", baselines=False), mapping)
    model = policy.models[mapping.model]
    history = read_history(folder / "scored.csv.gz", mapping, model)
    if seed is not None:
        history = replace(history, encounters=_shuffled(history.encounters, seed))
    used = choose_baseline(history, mapping, model, None, required=False)
    test: Backtest = run_backtest(history, mapping, policy, used)
    return as_json(test)


def _shuffled(encounters: list[Any], seed: int) -> list[Any]:
    """Give every row the content of another; row, key and times stay."""
    others = encounters.copy()
    random.Random(seed).shuffle(others)  # noqa: S311 -- a shuffle, no secret
    return [
        replace(other, row=one.row, key=one.key, time=one.time, known=one.known)
        for one, other in zip(encounters, others, strict=True)
    ]
