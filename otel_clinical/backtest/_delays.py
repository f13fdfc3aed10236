"""How long faults of declared sizes stay unseen, each in a replay of its own, beside rolling windows and ADWIN."""

from __future__ import annotations

import math
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final

import numpy as np

from otel_clinical.backtest import _rivals
from otel_clinical.backtest._inject import Injection, InjectionError, check_injection, parse_injection
from otel_clinical.backtest._measured import Measured
from otel_clinical.backtest._run import run_backtest
from otel_clinical.policy import TIERS
from otel_clinical.semconv import AGGREGATE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from otel_clinical.backtest._history import History
    from otel_clinical.backtest._mapping import Mapping as ColumnMapping
    from otel_clinical.backtest._run import Backtest, BaselineUsed
    from otel_clinical.policy import Policy

WINDOWS: Final = (200, 500, 2000)
"""Labels of the rolling windows."""


def parse_faults(text: str) -> list[Injection]:
    """Parse `payer=MC:drop=10%,20%:from-row=20000`: one fault per size.

    >>> [fault.drop for fault in parse_faults("all:drop=10%,20%:from-row=300")]
    [0.1, 0.2]
    """
    head, found, rest = text.partition("drop=")
    if not found:
        return [parse_injection(text)]
    sizes, colon, end = rest.partition(":")
    return [parse_injection(f"{head}drop={size.strip()}{colon}{end}") for size in sizes.split(",")]


@dataclass(frozen=True)
class Job:
    """What every replay needs."""

    history: History
    mapping: ColumnMapping
    policy: Policy
    used: BaselineUsed

    def measure(self, fault: Injection) -> Measured:
        """Replay the history with one fault, and say what found it."""
        test = run_backtest(self.history, self.mapping, self.policy, self.used, injections=[fault])
        tiers = {tier: level for tier, level in enumerate(TIERS, start=1) if level in test.model.tiers}
        labels = dict.fromkeys((f"tier {tier}" for tier in tiers), math.inf)
        [report] = test.faults
        if report.first_row is None:
            raise InjectionError(f"{fault}: no outcome of this history is touched by it")
        labels |= {f"tier {delay.tier}": float(delay.labels) for delay in report.delays}
        early = [fire for fire in test.fires if fire.segment == fault.where and fire.row < report.first_row]
        labels |= dict.fromkeys((f"tier {fire.tier}" for fire in early), math.nan)
        labels |= _of_rivals(test, fault)
        elsewhere = tuple(fire.segment for fire in test.fires_of(len(TIERS)) if fire.segment != fault.where)
        return Measured(fault, labels, elsewhere)


def measure(
    job: Job,
    faults: Sequence[Injection],
    *,
    progress: Callable[[int], None] = lambda _: None,
    processes: int | None = None,
) -> list[Measured]:
    """Replay the history once for each fault, in parallel; `progress` is told of every replay that is done.

    Raises:
        InjectionError: A fault names a segment value that the policy does not declare, or touches no outcome.
    """
    for fault in faults:
        check_injection(fault, job.policy.models[job.mapping.model])
    workers = min(processes or os.cpu_count() or 1, len(faults))
    context = get_context("spawn")  # the SDK has threads, which a fork would lose
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(job,)) as pool:
        waiting = [pool.submit(_one, fault) for fault in faults]
        for _ in as_completed(waiting):
            progress(1)
        return [found.result() for found in waiting]


_JOBS: Final[list[Job]] = []


def _begin(job: Job) -> None:
    _JOBS[:] = [job]


def _one(fault: Injection) -> Measured:
    return _JOBS[0].measure(fault)


def _of_rivals(test: Backtest, fault: Injection) -> dict[str, float]:
    """Give the rivals the labels of the segment value in order, without waiting for maturity."""
    whole = fault.segment == AGGREGATE
    mine = [
        one
        for one in test.encounters
        if one.counts(test.model.metric) and (whole or one.value_of(fault.segment) == fault.value)
    ]
    errors = np.array([1.0 - (one.score or 0.0) for one in mine])
    before = sum(one.row < fault.from_row for one in mine)
    scale, tier = test.model.metric.scale, test.model.tiers[max(test.model.tiers, key=TIERS.index)]
    limit = float(scale.error(test.used.baseline.ratio(fault.segment, fault.value), tier.drop))
    methods: dict[str, Callable[[NDArray[np.float64], int], float]] = {
        f"rolling window of {size}": partial(_rivals.window, size=size, limit=limit) for size in WINDOWS
    }
    methods["ADWIN"] = _rivals.adwin
    found = {name: method(errors, before) for name, method in methods.items()}
    return {name: labels or math.nan for name, labels in found.items()}
