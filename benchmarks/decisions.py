"""Decisions: wrong rollbacks and the labels a true drop costs, beside the rolling window of every dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import _delays
from benchmarks._decisions_report import write_report
from benchmarks._delays import CUSUM, KNOWN, against_cusum, delays, name
from benchmarks._fleet import MODELS
from benchmarks._fleet_report import write_rates
from benchmarks._fleet_years import ASSUMED, WORLDS, rates
from benchmarks._rows import Row, row
from benchmarks._spread import every_core, here
from otel_clinical.drift.detectors import log_growth, sr_path
from otel_clinical.drift.kernel._design import StreamDesign, design_stream
from otel_clinical.drift.kernel._outcomes import Outcomes, OutcomeStream
from otel_clinical.policy import Baseline, Cell, ModelPolicy, load_policy
from otel_clinical.semconv.enums import EscalationLevel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks._spread import Spread

POLICY = Path(__file__).parents[1] / "examples" / "policy.yaml"
ACCURACY = 0.90
REFERENCE = 5000
LABELS_PER_DAY = 1000
WINDOW = 200
TIER = EscalationLevel.ROLLBACK


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        delays: Runs of each drop, and of the tuning of the CUSUM.
        runs: Runs of 5,000 labels in which tier 3 must not be reached.
        reached: Runs of each drop in which it must.
        years: Fleet-years in which nothing gets worse.
        wrong_years: Of each world that is not as the proof assumes.
        models: Models of the fleet in those worlds.
        tasks: Parts of each, with a baseline of its own luck.
    """

    delays: _delays.Size = _delays.FULL
    runs: int = 150
    reached: int = 61
    years: int = 1000
    wrong_years: int = 40
    models: int = MODELS
    tasks: int = 20


FULL = Size()
SHORT = Size(_delays.Size(runs=40, lengths=60), runs=20, reached=15, years=4, wrong_years=4, models=4, tasks=2)
"""What the tests run: everything once, with a coarser answer."""
PUBLISHED = {0.15: 507, 0.20: 227, 0.30: 106}
"""Median labels of an independent simulation of the same method."""


def run(*, short: bool = False) -> list[Row]:
    """Return false alarms at drops that must not fire, and delays at drops that must; `short` for fewer runs."""
    size, spread = (SHORT, here) if short else (FULL, every_core)
    model = _model()
    baseline = Baseline("coding", None, "accuracy", {("all", "all", "all"): Cell(REFERENCE, REFERENCE * ACCURACY)})
    threshold = model.tiers[TIER].false_alarms.years * 365.25 * LABELS_PER_DAY
    design = design_stream(model, baseline, dict.fromkeys(model.tiers, threshold), "all", "all")
    rows = [*_false_alarms(model, design, size.runs), *_reached(model, design, size.reached)]
    with spread() as spreading:
        return [*rows, *_against_cusum(model, size.delays, spreading), *_fleet_years(size, spreading)]


def report(folder: Path, *, short: bool = False) -> None:
    """Write every delay beside every rival, and every world without a drop, as tables and plots into `folder`."""
    size, spread = (SHORT, here) if short else (FULL, every_core)
    policy = load_policy(POLICY)
    with spread() as spreading:
        write_report(delays(_model(), spreading, size=size.delays), folder)
        found = rates(policy, ASSUMED, size.years, spreading, tasks=size.tasks)
        for world in WORLDS:
            found += rates(policy, world, size.wrong_years, spreading, models=size.models, tasks=size.tasks)
    write_rates(found, folder)


def _model() -> ModelPolicy:
    return load_policy(POLICY).models["coding"].model_copy(update={"standardise_by": None, "segments": {}})


def _against_cusum(model: ModelPolicy, size: _delays.Size, spread: Spread) -> list[Row]:
    """Hold the rollback tier's proof, with a known baseline, against the CUSUM that knows everything."""
    proof, drops = name(TIER, KNOWN), (0.15, 0.20, 0.30, 0.50)
    found = delays(model, spread, drops, {proof, CUSUM}, size)
    medians = {(one.method, one.drop): one.median for one in found}
    return [
        row(
            f"median labels to the proof at {drop:.0%}, against a CUSUM told the drop",
            medians[proof, drop],
            medians[CUSUM, drop],
            "<= 1.15",
        )
        for drop in against_cusum(found)
    ]


def _fleet_years(size: Size, spread: Spread) -> list[Row]:
    """Count the proofs of a whole fleet in which nothing gets worse, against what the policy accepts."""
    return [
        row(f"proofs of {one.level} in {one.years:,.0f} fleet-years without a drop", one.proofs, one.accepted, "<= 1")
        for one in rates(load_policy(POLICY), ASSUMED, size.years, spread, tasks=size.tasks)
    ]


def _false_alarms(model: ModelPolicy, design: StreamDesign, runs: int) -> list[Row]:
    """Count runs of 5000 labels in which tier 3 is reached although the true drop is below it."""
    rows = []
    for drop, must in ((0.0, "<= 0"), (0.05, "<= 0.01"), (0.10, "<= 0.1")):
        rng, ours, window = np.random.default_rng(1), 0, 0
        for _ in range(runs):
            scores = _scores(rng, 5000, drop)
            window += _window_fires(scores, model.tiers[TIER].drop) is not None
            ours += _proved(design, scores) and _fires(model, design, scores) is not None
        rows.append(
            row(f"wrong tier 3 per {runs} runs of 5000 labels, true drop {drop:.0%}", ours, max(window, 1), must)
        )
    return rows


def _reached(model: ModelPolicy, design: StreamDesign, runs: int) -> list[Row]:
    rows = []
    for drop, published in PUBLISHED.items():
        rng = np.random.default_rng(2)
        found = [_fires(model, design, _scores(rng, 6000, drop)) for _ in range(runs)]
        median = float(np.median([np.inf if labels is None else labels for labels in found]))
        rows.append(
            row(f"median labels to tier 3, true drop {drop:.0%}, against published", median, published, "<= 1.25")
        )
        seen = [_window_fires(_scores(rng, 6000, drop), model.tiers[TIER].drop) or 6000 for _ in range(runs)]
        rows.append(row(f"the same against a rolling window of {WINDOW}", median, float(np.median(seen))))
    return rows


def _scores(rng: np.random.Generator, labels: int, drop: float) -> NDArray[np.int64]:
    return (rng.random(labels) < ACCURACY * (1.0 - drop)) * np.int64(1_000_000)


def _proved(design: StreamDesign, scores: NDArray[np.int64]) -> bool:
    """Say whether the evidence ever crosses; without that there is no tier."""
    strata = np.zeros(len(scores), np.intp)
    growth = log_growth(1.0 - scores / 1e6, design.null[strata], design.bets[strata])
    path = sr_path(np.full(growth.shape[1], -np.inf), growth)[:, design.cells[TIER]]
    return bool(np.logaddexp.reduce(path, axis=1).max() >= design.log_thresholds[TIER])


def _fires(model: ModelPolicy, design: StreamDesign, scores: NDArray[np.int64], step: int = 10) -> int | None:
    """Return the number of labels after which all three conditions of tier 3 hold, looked at every `step`."""
    stream, tier, place = OutcomeStream(design, 10**12), model.tiers[TIER], list(design.cells).index(TIER)
    for n in range(step, len(scores) + 1, step):
        times = np.arange(n - step, n)
        stream.feed(Outcomes(np.zeros(step, np.intp), scores[n - step : n], times, times), n)
        if stream.latched[place]:
            samples, drop, _ = stream.change.estimate(design)
            if samples >= tier.minimum_labels and drop >= tier.drop:
                return n
    return None


def _window_fires(scores: NDArray[np.int64], drop: float) -> int | None:
    """Return the first label at which the mean of the last `WINDOW` is `drop` below the baseline.

    The window begins full of labels from before the change, as it does in operation.
    """
    before = _scores(np.random.default_rng(int(scores.sum())), WINDOW, 0.0)
    sums = np.cumsum(np.concatenate(([0], before, scores))) / 1e6
    means = (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW
    below = np.flatnonzero(means <= ACCURACY * (1.0 - drop))
    return int(below[0]) if len(below) else None
