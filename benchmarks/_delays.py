"""How many labels a drop of each size costs until each tier, beside what else could have been used."""

from __future__ import annotations

import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import _rivals
from otel_clinical.drift.detectors import log_growth, sr_path
from otel_clinical.drift.kernel._design import StreamDesign, design_stream
from otel_clinical.policy import Baseline, Cell, ModelPolicy
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    Errors = NDArray[np.float64]
    Method = Callable[[Errors, int], float]

DROPS = (0.05, 0.08, 0.10, 0.13, 0.15, 0.20, 0.30, 0.50)
ACCURACY = 0.90
LABELS_PER_DAY = 1000
KNOWN = 10**9
"""Labels of a baseline that leaves no doubt: what a tuned CUSUM is told, too."""
BEFORE = 2000
AFTER = 20_000
RUNS = 200
REFERENCE = 5000
ROLLBACK = EscalationLevel.ROLLBACK
TIERS = (EscalationLevel.ENGINEERING_REVIEW, EscalationLevel.GOVERNANCE_REVIEW, ROLLBACK)
CUSUM = "CUSUM told the drop"
"""Fires as seldom as our rollback tier when the truth is at its guard, and knows both error rates."""


@dataclass(frozen=True)
class Delay:
    """Labels between the drop and the alarm of one method, over the runs of one drop.

    Attributes:
        method: What raised the alarm.
        drop: True drop, relative.
        median: Median labels of the runs; infinity when most never fired.
        slow: 90th percentile.
        never: Share of runs without alarm in 20,000 labels.
        early: Share of runs with an alarm in the 2,000 labels before the drop.
    """

    method: str
    drop: float
    median: float
    slow: float
    never: float
    early: float


def designed(model: ModelPolicy, reference: int) -> StreamDesign:
    """Return the tests of one stream with a baseline of `reference` labels."""
    baseline = Baseline("coding", None, "accuracy", {("all", "all", "all"): Cell(reference, reference * ACCURACY)})
    budgets = {level: budget(model, level) for level in model.tiers}
    return design_stream(model, baseline, budgets, "all", "all")


def delays(model: ModelPolicy, drops: Sequence[float] = DROPS, only: Collection[str] = ()) -> list[Delay]:
    """Measure our tiers, with a known baseline and with one of 5,000 labels, and every rival, at these drops.

    `only` names the methods to measure; all of them by default.
    """
    labels = false_alarm_labels(model, ROLLBACK, budget(model, ROLLBACK))
    work = partial(_of_drop, model, labels, only)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return [found for of_drop in pool.map(work, drops) for found in of_drop]


def budget(model: ModelPolicy, level: EscalationLevel) -> float:
    """Return the labels between false alarms that the policy accepts, at 1,000 labels a day."""
    return model.tiers[level].false_alarms.years * 365.25 * LABELS_PER_DAY


def proof(design: StreamDesign, level: EscalationLevel, errors: Errors, before: int) -> float:
    """Return the labels after the drop at which a tier's evidence first reaches 1."""
    cells = design.cells[level]
    strata = np.zeros(len(errors), np.intp)
    growth = log_growth(errors, design.null[strata][:, cells], design.bets[strata][:, cells])
    path = np.logaddexp.reduce(sr_path(np.full(growth.shape[1], -np.inf), growth), axis=1)
    places = np.flatnonzero(path >= design.log_thresholds[level])
    return float(max(places[0] + 1 - before, 0)) if len(places) else math.inf


def false_alarm_labels(model: ModelPolicy, level: EscalationLevel, promised: float) -> float:
    """Return the labels between false alarms of a tier that promises `promised`, with the truth at its guard.

    The promise is a lower bound; a fair comparison needs what is kept. Simulated at a thousandth of the promise:
    the share by which the statistic overshoots its threshold does not depend on the threshold.
    """
    design = designed(model, KNOWN)
    ordinary, small = _wrong(model.tiers[level].guard), promised / 1000
    cells = design.cells[level]
    threshold = math.log(small * (cells.stop - cells.start))
    rng, lengths = np.random.default_rng(4), []
    for _ in range(300):
        errors = (rng.random(int(small * 12)) < ordinary).astype(float)
        growth = log_growth(errors, design.null[:1, cells], design.bets[:1, cells])
        path = np.logaddexp.reduce(sr_path(np.full(growth.shape[1], -np.inf), growth), axis=1)
        lengths.append(int(np.argmax(path >= threshold)) + 1 if path.max() >= threshold else len(errors))
    return float(np.mean(lengths)) * 1000


def _of_drop(model: ModelPolicy, labels: float, only: Collection[str], drop: float) -> list[Delay]:
    rng = np.random.default_rng(round(drop * 1000))
    runs = [_run(rng, drop) for _ in range(RUNS)]
    methods: dict[str, Method] = {
        name(level, reference): partial(proof, designed(model, reference), level)
        for reference in (KNOWN, REFERENCE)
        for level in TIERS
    }
    methods |= _rival_methods(model, labels, drop)
    return [_delay(method, drop, runs, fires) for method, fires in methods.items() if not only or method in only]


def name(level: EscalationLevel, reference: int) -> str:
    """Return what a tier with a baseline of `reference` labels is called in the table."""
    return f"{level}, baseline {'known' if reference == KNOWN else f'of {reference:,} labels'}"


def _run(rng: np.random.Generator, drop: float) -> Errors:
    wrong = np.concatenate((np.full(BEFORE, _wrong(0.0)), np.full(AFTER, _wrong(drop))))
    return (rng.random(len(wrong)) < wrong).astype(float)


def _rival_methods(model: ModelPolicy, labels: float, drop: float) -> dict[str, Method]:
    tier = model.tiers[ROLLBACK]
    limit = _wrong(tier.drop)
    methods: dict[str, Method] = {
        f"rolling window of {size}": partial(_rivals.window, size=size, limit=limit) for size in (200, 500, 2000)
    }
    methods |= {"ADWIN": _rivals.adwin, "DDM": _rivals.ddm}
    if drop > tier.guard:
        ordinary, worse = _wrong(tier.guard), _wrong(drop)
        threshold = _rivals.cusum_threshold(ordinary, worse, labels)
        methods[CUSUM] = partial(_rivals.cusum, ordinary=ordinary, worse=worse, threshold=threshold)
    return methods


def _wrong(drop: float) -> float:
    return 1.0 - ACCURACY * (1.0 - drop)


def _delay(method: str, drop: float, runs: list[Errors], fires: Method) -> Delay:
    found = np.array([fires(errors, BEFORE) for errors in runs])
    late = found[found > 0]
    median, slow = (float(np.quantile(late, q, method="higher")) for q in (0.5, 0.9)) if len(late) else (0.0, 0.0)
    return Delay(method, drop, median, slow, float(np.isinf(found).mean()), float((found == 0).mean()))
