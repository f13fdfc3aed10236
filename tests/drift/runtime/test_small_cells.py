"""Attack the page: subtract parts from the whole, pairs from their halves, and an earlier page from a later one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from otel_clinical.drift.runtime import _cells, exporter
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.semconv import MetricDef, metrics
from otel_clinical.semconv.small_cells import SMALL_CELL
from tests.drift.runtime.test_exporter import ROW, of, scrape, shown

PAYERS, DEPARTMENTS = ("a", "b", "c"), ("d", "e", "f")
WHOLE = ("all", "all")
Key = tuple[str, str]
Counts = dict[Key, int]
Range = tuple[int, int]


def sums(table: np.ndarray) -> Counts:
    """Return the count of every stream of a (payer, department) table."""
    found: Counts = {WHOLE: int(table.sum())}
    found |= {("payer", payer): int(table[row].sum()) for row, payer in enumerate(PAYERS)}
    found |= {("department", name): int(table[:, column].sum()) for column, name in enumerate(DEPARTMENTS)}
    pairs = {(p, d): int(table[i, j]) for i, p in enumerate(PAYERS) for j, d in enumerate(DEPARTMENTS)}
    return found | {("payer,department", ",".join(pair)): count for pair, count in pairs.items()}


def page(counts: Counts, rights: Counts) -> KernelView:
    rows = [
        replace(
            ROW,
            segment=segment,
            value=value,
            labels=count,
            samples=count,
            performance_samples=count,
            performance=rights[segment, value] / count if count else None,
        )
        for (segment, value), count in counts.items()
    ]
    return KernelView(evidence=tuple(rows))


def read(view: KernelView, metric: MetricDef) -> Counts:
    found: dict[Key, int] = defaultdict(int)
    for labels, value in of(scrape(shown(view)), metric).items():
        found[labels[2], labels[3]] += int(value)
    return dict(found)


def parts(key: Key) -> list[list[Key]]:
    """Return every way in which a stream is the sum of others."""
    segment, value = key
    pair = "payer,department"
    if key == WHOLE:
        return [[("payer", p) for p in PAYERS], [("department", d) for d in DEPARTMENTS]]
    if segment == "payer":
        return [[(pair, f"{value},{d}") for d in DEPARTMENTS]]
    if segment == "department":
        return [[(pair, f"{p},{value}") for p in PAYERS]]
    return []


def attack(ranges: dict[Key, Range]) -> dict[Key, Range]:
    """Return what the sums leave open: every subtraction, again and again until nothing gets narrower."""
    found, before = dict(ranges), None
    while before != found:
        before = dict(found)
        for whole in [key for key in found if parts(key)]:
            for lines in parts(whole):
                if not all(line in found for line in lines):
                    continue
                low, high = (sum(found[line][end] for line in lines) for end in (0, 1))
                found[whole] = max(found[whole][0], low), min(found[whole][1], high)
                for line in lines:
                    rest = low - found[line][0], high - found[line][1]
                    narrower = found[whole][0] - rest[1], found[whole][1] - rest[0]
                    found[line] = max(found[line][0], narrower[0]), min(found[line][1], narrower[1])
    return found


def known(seen: Counts, *, exact: bool = False) -> dict[Key, Range]:
    """Return what each number of a page says by itself."""
    if exact:
        return {key: (count, count) if count else (0, SMALL_CELL - 1) for key, count in seen.items()}
    return {key: (count, count + SMALL_CELL - 1) for key, count in seen.items()}


def tables(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    before = rng.integers(11, 60, (3, 3))
    small = rng.integers(0, 3, 2)
    before[tuple(small)] = rng.integers(1, SMALL_CELL)
    return before, before + rng.integers(0, 3, (3, 3))


def narrowest(metric: MetricDef, *, exact: bool = False) -> int:
    """Return how many values the best attack on many pages leaves possible for a small cell."""
    widths = []
    for seed in range(60):
        before, _ = tables(seed)
        counts = sums(before)
        found = attack(known(dict.fromkeys(counts, 0) | read(page(counts, counts), metric), exact=exact))
        ends = [found[key] for key, n in counts.items() if 0 < n < SMALL_CELL]
        widths += [high - low + 1 for low, high in ends]
    return min(widths)


@pytest.mark.parametrize("metric", [metrics.EVIDENCE_LABELS, metrics.EVIDENCE_SAMPLES, metrics.PERFORMANCE_SAMPLES])
def test_no_small_cell_is_the_difference_of_others_over_segments_and_pairs(metric: MetricDef) -> None:
    assert narrowest(metric) >= 8


def test_the_attack_finds_what_is_hidden_where_the_others_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "stepped", lambda count: count if count >= SMALL_CELL else 0)
    assert narrowest(metrics.EVIDENCE_LABELS, exact=True) == 1


def test_two_pages_differ_by_nobody_or_by_eleven_in_every_count_and_hide_who_came_between() -> None:
    for seed in range(20):
        for metric in (metrics.EVIDENCE_LABELS, metrics.PERFORMANCE_SAMPLES, metrics.EVIDENCE_SAMPLES):
            one, two = (read(page(sums(table), sums(table)), metric) for table in tables(seed))
            steps = {two.get(key, 0) - one.get(key, 0) for key in {*one, *two}}
            assert {step % SMALL_CELL for step in steps} == {0}
            ranges = {key: (two[key] - one[key] - 10, two[key] - one[key] + 10) for key in one if key in two}
            assert all(high - low >= 10 for low, high in attack(ranges).values())


def test_a_mean_does_not_tell_which_of_the_counts_it_is_of() -> None:
    for n in (105, 990):
        seen = _cells.blurred((n * 4 // 5) / n)
        first = n - n % SMALL_CELL
        fits = [of for of in range(first, first + SMALL_CELL) if any(_cells.blurred(k / of) == seen for k in range(of))]
        assert len(fits) > 1


@pytest.mark.parametrize("percent", [0.1, 2.5, 5.0, 10.0, 15.0, 28.7, 29.0])
def test_a_drop_reaches_a_tier_on_the_page_exactly_when_it_does_in_the_kernel(percent: float) -> None:
    tier = percent / 100.0
    assert _cells.at_least(tier) >= tier
    assert _cells.at_least(tier - 1e-5) < tier
    assert _cells.at_least(tier + 1e-5) >= tier
    assert _cells.at_most(tier + 1e-5) > tier
