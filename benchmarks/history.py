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
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import _rivals
from benchmarks._rows import Row, row
from otel_clinical.backtest import (
    Backtest,
    Injection,
    choose_baseline,
    read_history,
    read_mapping,
    run_backtest,
)
from otel_clinical.policy import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

EXAMPLE = Path(__file__).parents[1] / "examples" / "diabetes130"
FILE = "diabetes130-first40k.csv.gz"
PLACES = (("all", "all"), ("payer", "MC"), ("specialty", "internal-medicine"))
DROPS = (0.10, 0.15, 0.20, 0.30)
FROM_ROW = 20_000
WINDOWS = (200, 500, 2000)
ROLLBACK = 3
MOST_NAMES = 4
_SPECIALTIES = {
    "InternalMedicine": "internal-medicine",
    "Family/GeneralPractice": "general-practice",
    "Cardiology": "cardiology",
    "Surgery-General": "surgery",
    "Emergency/Trauma": "emergency",
}


@dataclass(frozen=True)
class Found:
    """What found one fault.

    Attributes:
        where: Segment value.
        drop: Share of the right answers that became wrong.
        labels: Labels of the segment value from the fault to the alarm, by method; infinity when it never came, and
            NaN when the method had fired before the fault.
        elsewhere: Other segment values that reached tier 3.
    """

    where: str
    drop: float
    labels: Mapping[str, float]
    elsewhere: tuple[str, ...]


def run() -> list[Row]:
    """Judge the quiet run, and compare tier 3 with a rolling window of 500."""
    quiet, found = _all()
    rows = [row("tier 3 fires in 30,000 encounters without a fault", len(quiet), 1, "<= 0")]
    for one in found:
        ours, window = one.labels["tier 3"], one.labels["rolling window of 500"]
        if math.isfinite(ours) and math.isfinite(window):
            rows.append(
                row(f"labels to tier 3, {one.where}, {one.drop:.0%}, against a rolling window of 500", ours, window)
            )
    return rows


def report(folder: Path) -> None:
    """Write `history.md`: every fault, every method."""
    folder.mkdir(parents=True, exist_ok=True)
    quiet, found = _all()
    (folder / "history.md").write_text(markdown(quiet, found), encoding="utf-8")


def markdown(quiet: list[str], found: list[Found]) -> str:
    """Return a line per fault and a column per method."""
    methods = list(found[0].labels)
    lines = [
        "| fault | " + " | ".join(methods) + " | tier 3 elsewhere |",
        "|---" * (len(methods) + 2) + "|",
        f"| none | {' | '.join('' for _ in methods)} | {_names(quiet)} |",
    ]
    for one in found:
        figures = " | ".join(_figure(labels) for labels in one.labels.values())
        lines.append(f"| {one.where}, {one.drop:.0%} | {figures} | {_names(one.elsewhere)} |")
    return "\n".join(lines) + "\n"


def _names(values: Sequence[str]) -> str:
    return f"{len(values)} values" if len(values) > MOST_NAMES else ", ".join(values) or "none"


def _figure(labels: float) -> str:
    if math.isnan(labels):
        return "before the fault"
    return "never" if math.isinf(labels) else f"{labels:,.0f}"


def _all() -> tuple[list[str], list[Found]]:
    """Return the tier 3 fires of the quiet run, and every fault with what found it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        faults = [Injection(*place, drop, FROM_ROW) for place in PLACES for drop in DROPS]
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            quiet = pool.submit(_quiet, folder)
            return quiet.result(), list(pool.map(partial(_found, folder), faults))


def _prepare(folder: Path) -> None:
    """Score the encounters, and write mapping and policy with the specialty beside payer and age."""
    given = os.environ.get("OTEL_CLINICAL_DATA")
    if not given or not (Path(given) / FILE).is_file():
        raise SystemExit(f"set OTEL_CLINICAL_DATA to the folder that holds {FILE}; see examples/diabetes130")
    command = [sys.executable, str(EXAMPLE / "score.py"), str(Path(given) / FILE), "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=EXAMPLE.parents[1])  # noqa: S603 -- our own example
    values = ", ".join(f'"{word}": {value}' for word, value in _SPECIALTIES.items())
    column = f"  specialty: {{column: medical_specialty, missing_as: missing, values: {{{values}}}}}\n"
    declared = f"      specialty: [{', '.join(_SPECIALTIES.values())}, missing]\n"
    for name, after, line in (("mapping.yaml", "segments:\n", column), ("policy.yaml", "    segments:\n", declared)):
        text = (EXAMPLE / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(after, after + line, 1), encoding="utf-8")
    (folder / "baseline.json").unlink()  # it does not know the specialties: freeze one from the mapping's rows


def _replayed(folder: Path, *faults: Injection) -> Backtest:
    mapping = read_mapping(folder / "mapping.yaml")
    policy = load_policy(folder / "policy.yaml", baselines=False)
    model = policy.models[mapping.model]
    history = read_history(folder / "scored.csv.gz", mapping, model)
    used = choose_baseline(history, mapping, model, None, required=False)
    return run_backtest(history, mapping, policy, used, injections=faults)


def _quiet(folder: Path) -> list[str]:
    return [fire.segment for fire in _replayed(folder).fires_of(ROLLBACK)]


def _found(folder: Path, fault: Injection) -> Found:
    test = _replayed(folder, fault)
    [faulty] = test.faults
    labels = dict.fromkeys((f"tier {tier}" for tier in (1, 2, 3)), math.inf)
    labels |= {f"tier {delay.tier}": float(delay.labels) for delay in faulty.delays}
    early = {f"tier {fire.tier}" for fire in test.fires if fire.segment == fault.where and fire.row < FROM_ROW}
    labels |= dict.fromkeys(early, math.nan)
    ordinary = test.used.baseline.ratio(fault.segment, fault.value)
    labels |= _rivals_of(test, fault, ordinary)
    elsewhere = tuple(fire.segment for fire in test.fires_of(ROLLBACK) if fire.segment != fault.where)
    return Found(fault.where, fault.drop, labels, elsewhere)


def _rivals_of(test: Backtest, fault: Injection, ordinary: float) -> dict[str, float]:
    """Give the rivals the labels of the segment value, without waiting for maturity."""
    mine = [
        one
        for one in test.encounters
        if one.score is not None and (fault.segment == "all" or one.segments.get(fault.segment) == fault.value)
    ]
    errors = np.array([1.0 - float(one.score or 0.0) for one in mine])
    before = sum(one.row < FROM_ROW for one in mine)
    limit = 1.0 - ordinary * 0.85
    methods: dict[str, Callable[[NDArray[np.float64], int], float]] = {
        f"rolling window of {size}": partial(_rivals.window, size=size, limit=limit) for size in WINDOWS
    }
    methods["ADWIN"] = _rivals.adwin
    found = {name: method(errors, before) for name, method in methods.items()}
    return {name: labels or math.nan for name, labels in found.items()}
