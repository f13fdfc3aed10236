"""Which of many segments are worse, with a bound on the share of wrong ones: e-BH."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from otel_clinical.drift.detectors import LOG_CEILING
from otel_clinical.drift.kernel._design import thresholds
from otel_clinical.drift.kernel._rows import DiscoveryRow
from otel_clinical.semconv import AGGREGATE
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from otel_clinical.drift.kernel._rows import EvidenceRow
    from otel_clinical.policy import Policy
    from otel_clinical.semconv.enums import EscalationLevel


def e_value(log_statistic: float, labels: int) -> float:
    """Return an e-value of "worse at some time" from a stream's Shiryaev-Roberts statistic, up to a billion.

    S_n is the sum over k of the capital of a bet that began with label k. The statistic is no e-value: its mean grows
    with n. With the weights w_k = 1 / (2 k (1 + ln k)^2), whose sum is at most 1, the sum of the weighted capitals and
    of the weights that are not bet yet is a nonnegative supermartingale that begins at 1 or less. As the weights
    fall, w_n S_n is never more than it, so its mean is at most 1 at every time anybody chooses to look.

    Args:
        log_statistic: Logarithm of S_n, or of a mean of several; minus infinity for 0.
        labels: n.

    Raises:
        ValueError: A statistic of no labels is not 0.
    """
    if labels < 1:
        if log_statistic > -math.inf:
            raise ValueError(f"log_statistic is {log_statistic} for {labels} labels, expected minus infinity")
        return 0.0
    weight = math.log(2.0 * labels) + 2.0 * math.log1p(math.log(labels))
    return math.exp(min(log_statistic - weight, LOG_CEILING))


def select(values: Sequence[float], level: float) -> frozenset[int]:
    """Return the positions of the e-values that e-BH selects at `level`, in (0, 1).

    The k largest, for the largest k whose k-th is at least m / (k * level). The expected share of wrong ones among
    them is at most `level`, whatever the dependence between the streams.

    Source: Wang, Ramdas: False discovery rate control with e-values. JRSS B 84(3), 2022.

    >>> sorted(select([50.0, 0.1, 25.0, 1.0], 0.1))
    [0, 2]
    """
    order = sorted(range(len(values)), key=lambda place: -values[place])
    chosen = 0
    for rank, place in enumerate(order, start=1):
        if rank * level * values[place] >= len(values):
            chosen = rank
    return frozenset(order[:chosen])


def any_segment(values: Sequence[float]) -> float:
    """Return the e-value of "at least one is worse": the mean; 0 for none."""
    return math.fsum(values) / len(values) if values else 0.0


def discoveries(policy: Policy, rows: Iterable[EvidenceRow]) -> Iterator[DiscoveryRow]:
    """Yield what is found among the segments of each version at each tier.

    `rows` are grouped by model and version, as the kernel gives them. The aggregate is no segment.
    """
    budgets = thresholds(policy)
    groups: dict[tuple[str, str], list[EvidenceRow]] = {}
    for row in rows:
        if row.segment != AGGREGATE:
            groups.setdefault((row.model, row.version), []).append(row)
    for (model, version), group in groups.items():
        share = policy.models[model].false_discoveries
        for level in policy.models[model].tiers:
            values = _values(group, level, budgets[model][level])
            named = sorted((group[place].segment, group[place].value) for place in select(values, share))
            yield DiscoveryRow(model, version, level, share * any_segment(values), tuple(named))


def _values(rows: Sequence[EvidenceRow], level: EscalationLevel, budget: float) -> list[float]:
    """Return the e-value of every stream at a tier; its present evidence is the mean statistic over the budget.

    The same as `e_value` of each, for all at once. A stream too small to be shown takes part with 0, or what is found
    of all would give its outcomes away.
    """
    present = np.array([row.current.get(level, 0.0) for row in rows])
    labels = np.array([row.labels for row in rows], np.float64)
    shown = (labels >= SMALL_CELL) & (present > 0.0)
    n = np.where(shown, labels, 1.0)
    logs = np.log(np.where(shown, present, 1.0)) + math.log(budget) - np.log(2.0 * n) - 2.0 * np.log1p(np.log(n))
    return np.where(shown, np.exp(np.minimum(logs, LOG_CEILING)), 0.0).tolist()  # type: ignore[no-any-return]
