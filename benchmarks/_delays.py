"""How many labels a drop of each size costs until each tier, beside what else could have been used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import _rivals
from otel_clinical.drift.detectors import log_growth, sr_path
from otel_clinical.drift.explode._batch import MICRO
from otel_clinical.drift.kernel._design import StreamDesign, design_stream
from otel_clinical.drift.kernel._outcomes import Outcomes, OutcomeStream
from otel_clinical.policy import Baseline, Cell, ModelPolicy
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks._spread import Spread

    Errors = NDArray[np.float64]
    Method = Callable[[Errors, int], float]

DROPS = (0.05, 0.08, 0.10, 0.13, 0.15, 0.20, 0.30, 0.50)
ACCURACY = 0.90
LABELS_PER_DAY = 1000
KNOWN = 10**9
"""Labels of a baseline that leaves no doubt: what a tuned CUSUM is told, too."""
BEFORE = 2000
_SLOT = 25
AFTER = 20_000
REFERENCE = 5000
ROLLBACK = EscalationLevel.ROLLBACK
TIERS = (EscalationLevel.ENGINEERING_REVIEW, EscalationLevel.GOVERNANCE_REVIEW, ROLLBACK)
CUSUM = "CUSUM told the drop"
"""Fires as seldom as our rollback tier when the truth is at its guard, and knows both error rates."""


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        runs: Runs of each drop.
        lengths: Runs without one, whose length is the false-alarm rate that the CUSUM is tuned to.
    """

    runs: int
    lengths: int


FULL = Size(runs=200, lengths=300)


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


def delays(
    model: ModelPolicy,
    spread: Spread,
    drops: Sequence[float] = DROPS,
    only: Collection[str] = (),
    size: Size = FULL,
) -> list[Delay]:
    """Measure our tiers, with a known baseline and with one of 5,000 labels, and every rival, at these drops.

    `spread` does each drop's part, somewhere; `only` names the methods to measure, all of them by default.
    """
    labels = false_alarm_labels(model, ROLLBACK, budget(model, ROLLBACK), size.lengths)
    work = partial(_of_drop, model, labels, only, size.runs)
    return [found for of_drop in spread(work, drops) for found in of_drop]


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


def reached(model: ModelPolicy, design: StreamDesign, errors: Errors, before: int) -> dict[EscalationLevel, float]:
    """Return the labels after the drop at which each tier is reached: its proof, its estimated drop and its minimum.

    As the processor does it, slot by slot of 25 labels.
    """
    stream, found = OutcomeStream(design, 10**12), dict.fromkeys(TIERS, math.inf)
    scores = ((1.0 - errors) * MICRO).astype(np.int64)
    for end in range(_SLOT, len(scores) + 1, _SLOT):
        times = np.arange(end - _SLOT, end)
        stream.feed(Outcomes(np.zeros(_SLOT, np.intp), scores[end - _SLOT : end], times, times), end)
        proved = [level for level, latch in zip(design.cells, stream.latched, strict=True) if latch]
        for level in proved:
            tier, (samples, drop, _) = model.tiers[level], stream.change.estimate(design)
            if math.isinf(found[level]) and samples >= tier.minimum_labels and drop >= tier.drop:
                found[level] = float(max(end - before, 0))
        if not any(map(math.isinf, found.values())):
            break
    return found


def false_alarm_labels(model: ModelPolicy, level: EscalationLevel, promised: float, runs: int) -> float:
    """Return the labels between false alarms of a tier that promises `promised`, with the truth at its guard.

    The promise is a lower bound; a fair comparison needs what is kept. Simulated at a thousandth of the promise:
    the share by which the statistic overshoots its threshold does not depend on the threshold.
    """
    design = designed(model, KNOWN)
    ordinary, small = _wrong(model.tiers[level].guard), promised / 1000
    cells = design.cells[level]
    threshold = math.log(small * (cells.stop - cells.start))
    rng, lengths = np.random.default_rng(4), []
    for _ in range(runs):
        errors = (rng.random(int(small * 12)) < ordinary).astype(float)
        growth = log_growth(errors, design.null[:1, cells], design.bets[:1, cells])
        path = np.logaddexp.reduce(sr_path(np.full(growth.shape[1], -np.inf), growth), axis=1)
        lengths.append(int(np.argmax(path >= threshold)) + 1 if path.max() >= threshold else len(errors))
    return float(np.mean(lengths)) * 1000


def _of_drop(model: ModelPolicy, labels: float, only: Collection[str], count: int, drop: float) -> list[Delay]:
    rng = np.random.default_rng(round(drop * 1000))
    runs = [_run(rng, drop) for _ in range(count)]
    methods: dict[str, Method] = {
        name(level, reference): partial(proof, designed(model, reference), level)
        for reference in (KNOWN, REFERENCE)
        for level in TIERS
    }
    found = _measured(methods, drop, runs, only)
    if not only or {tier_name(level) for level in TIERS} & set(only):
        tiers = [reached(model, designed(model, REFERENCE), one, BEFORE) for one in runs]
        found += [_delay(tier_name(level), drop, np.array([one[level] for one in tiers])) for level in TIERS]
    return found + _measured(_rival_methods(model, labels, drop), drop, runs, only)


def _measured(methods: Mapping[str, Method], drop: float, runs: Sequence[Errors], only: Collection[str]) -> list[Delay]:
    chosen = {method: fires for method, fires in methods.items() if not only or method in only}
    return [_delay(method, drop, np.array([fires(one, BEFORE) for one in runs])) for method, fires in chosen.items()]


def against_cusum(found: Sequence[Delay]) -> dict[float, float]:
    """Return by drop the median labels of the rollback tier's proof, with a known baseline, over those of the CUSUM."""
    medians = {(one.method, one.drop): one.median for one in found}
    drops = sorted({drop for method, drop in medians if method == CUSUM})
    return {drop: medians[name(ROLLBACK, KNOWN), drop] / medians[CUSUM, drop] for drop in drops}


def name(level: EscalationLevel, reference: int) -> str:
    """Return what a tier with a baseline of `reference` labels is called in the table."""
    return f"{level}, baseline {'known' if reference == KNOWN else f'of {reference:,} labels'}"


def tier_name(level: EscalationLevel) -> str:
    """Return what reaching a tier, with all its conditions, is called in the table."""
    return f"{level} reached, baseline of {REFERENCE:,} labels"


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


def _delay(method: str, drop: float, found: NDArray[np.float64]) -> Delay:
    late = found[found > 0]
    median, slow = (float(np.quantile(late, q, method="higher")) for q in (0.5, 0.9)) if len(late) else (0.0, 0.0)
    return Delay(method, drop, median, slow, float(np.isinf(found).mean()), float((found == 0).mean()))
